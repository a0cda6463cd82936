CREATE TABLE `outbox` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`topic` text NOT NULL,
	`key` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `outbox_mark` ON `outbox` (`topic`,`key`);--> statement-breakpoint
ALTER TABLE `users` ADD `epoch` integer DEFAULT 0 NOT NULL;