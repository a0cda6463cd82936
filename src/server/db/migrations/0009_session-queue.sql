ALTER TABLE `sessions` ADD `queue_place` integer;--> statement-breakpoint
ALTER TABLE `sessions` ADD `queue_reason` text;--> statement-breakpoint
CREATE INDEX `sessions_queue` ON `sessions` (`queue_place`);