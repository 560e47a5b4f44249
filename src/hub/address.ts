/** Whether a model is named by where it lies on the hub: `hf:OWNER/NAME`, or a web address. */
export const isAddress = (model: string): boolean => /^(hf:|https?:\/\/)/.test(model)
