/** Where a part stands: its message, itself, and the sub-agent when it is one's. */
export interface PartPlace {
  messageId: string;
  partId: string;
  childId?: string;
}
