/** What every part of the store that holds something of servers and people can do. */
export interface Forgetting {
  /** Deletes everything of a scope. */
  forget(scope: string): Promise<void>
  /** Deletes what a person has in a scope; resolves to how much that was. */
  forgetPerson(scope: string, person: string): Promise<number>
}
