export const STORAGE_KEY = ["storage"];
export const RECLAIM_KEY = ["storage", "reclaim"];
