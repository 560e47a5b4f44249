/** What every part of the store that holds data of servers and people can do. */
export interface Forgetting {
  /** Deletes everything in a scope. */
  forget(scope: string): Promise<void>
  /** Deletes what a person has in a scope. Resolves to the number of deleted entries. */
  forgetPerson(scope: string, person: string): Promise<number>
}
