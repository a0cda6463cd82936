CREATE TABLE `snapshots` (
	`id` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`name` text NOT NULL,
	`state` text NOT NULL,
	`reason` text,
	`created_by` text NOT NULL,
	`created_at` text NOT NULL,
	`bytes` integer,
	`last_seq` integer,
	`epoch` integer,
	`held_epoch` integer,
	`held_n` integer
);
--> statement-breakpoint
CREATE INDEX `snapshots_session` ON `snapshots` (`session_id`,`created_at`);--> statement-breakpoint
ALTER TABLE `sessions` ADD `conversation_of` text;--> statement-breakpoint
ALTER TABLE `sessions` ADD `replacing` text;