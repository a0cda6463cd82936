CREATE TABLE `api_tokens` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` text NOT NULL,
	`name` text NOT NULL,
	`token_hash` text NOT NULL,
	`scopes` text,
	`created_at` text NOT NULL,
	`expires_at` text,
	`revoked_at` text,
	`last_used_at` text,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `api_tokens_hash` ON `api_tokens` (`token_hash`);--> statement-breakpoint
CREATE INDEX `api_tokens_user` ON `api_tokens` (`user_id`);--> statement-breakpoint
CREATE TABLE `events` (
	`session_id` text NOT NULL,
	`seq` integer NOT NULL,
	`at` text NOT NULL,
	`type` text NOT NULL,
	`data` text NOT NULL,
	`epoch` integer,
	`n` integer,
	PRIMARY KEY(`session_id`, `seq`)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `events_spool` ON `events` (`session_id`,`epoch`,`n`);--> statement-breakpoint
CREATE TABLE `installation` (
	`name` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `login_sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` text NOT NULL,
	`created_at` text NOT NULL,
	`expires_at` text NOT NULL,
	`revoked_at` text,
	`user_agent` text NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `login_sessions_user` ON `login_sessions` (`user_id`);--> statement-breakpoint
CREATE TABLE `prompts` (
	`id` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`user_id` text NOT NULL,
	`key` text NOT NULL,
	`kind` text NOT NULL,
	`text` text NOT NULL,
	`model` text,
	`agent` text,
	`effort` text,
	`attachments` text,
	`state` text NOT NULL,
	`answered_state` text NOT NULL,
	`outcome` text,
	`position` integer NOT NULL,
	`created_at` text NOT NULL,
	`started_at` text,
	`ended_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `prompts_key` ON `prompts` (`session_id`,`key`);--> statement-breakpoint
CREATE INDEX `prompts_queue` ON `prompts` (`session_id`,`state`,`position`);--> statement-breakpoint
CREATE TABLE `provider_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`scope_owner` text NOT NULL,
	`provider_id` text NOT NULL,
	`name` text NOT NULL,
	`base_url` text,
	`hint` text NOT NULL,
	`sealed` text NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `provider_keys_scope` ON `provider_keys` (`scope_owner`,`provider_id`);--> statement-breakpoint
CREATE TABLE `reads` (
	`user_id` text NOT NULL,
	`session_id` text NOT NULL,
	`seq` integer NOT NULL,
	PRIMARY KEY(`user_id`, `session_id`)
);
--> statement-breakpoint
CREATE TABLE `registrations` (
	`token_hash` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`instance_id` text NOT NULL,
	`expires_at` text NOT NULL,
	`burned_at` text,
	`public_key` text
);
--> statement-breakpoint
CREATE TABLE `requests` (
	`id` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`kind` text NOT NULL,
	`title` text NOT NULL,
	`detail` text NOT NULL,
	`patterns` text,
	`questions` text,
	`opened_at` text NOT NULL,
	`deadline` text NOT NULL,
	`fallback` text NOT NULL,
	`outcome` text,
	`answer` text,
	`answered_by` text,
	`closed_at` text,
	`delivered_at` text
);
--> statement-breakpoint
CREATE INDEX `requests_session` ON `requests` (`session_id`,`closed_at`);--> statement-breakpoint
CREATE INDEX `requests_deadline` ON `requests` (`closed_at`,`deadline`);--> statement-breakpoint
CREATE TABLE `sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`owner_id` text NOT NULL,
	`title` text NOT NULL,
	`status` text NOT NULL,
	`step` text,
	`reason` text,
	`agent_state` text NOT NULL,
	`model` text NOT NULL,
	`agent` text NOT NULL,
	`permission_mode` text NOT NULL,
	`repo` text,
	`visibility` text NOT NULL,
	`epoch` integer NOT NULL,
	`held_epoch` integer NOT NULL,
	`held_n` integer NOT NULL,
	`last_seq` integer NOT NULL,
	`instance_id` text,
	`instance_secrets` text,
	`image` text,
	`created_at` text NOT NULL,
	`last_activity_at` text NOT NULL,
	`archived_at` text,
	FOREIGN KEY (`owner_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `sessions_owner` ON `sessions` (`owner_id`,`last_activity_at`);--> statement-breakpoint
CREATE INDEX `sessions_status` ON `sessions` (`status`);--> statement-breakpoint
CREATE TABLE `terminals` (
	`id` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`instance_id` text NOT NULL,
	`created_by` text NOT NULL,
	`created_at` text NOT NULL,
	`closed_at` text
);
--> statement-breakpoint
CREATE INDEX `terminals_session` ON `terminals` (`session_id`);--> statement-breakpoint
CREATE TABLE `users` (
	`id` text PRIMARY KEY NOT NULL,
	`email` text NOT NULL,
	`name` text NOT NULL,
	`role` text NOT NULL,
	`password_hash` text NOT NULL,
	`disabled_at` text,
	`created_at` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `users_email` ON `users` (`email`);