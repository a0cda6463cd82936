/**
 * Type of what a mirror has in the place of an event that it refused, so that its numbers stay dense. Its data say nothing:
 * whoever meets it reads from the server, which has the event.
 */
export const STAND_IN_TYPE = "event.unmirrored";
