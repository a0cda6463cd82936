ALTER TABLE `sessions` ADD `ready_image` text;--> statement-breakpoint
ALTER TABLE `sessions` ADD `ready_contract` integer;--> statement-breakpoint
ALTER TABLE `sessions` ADD `failed_image` text;--> statement-breakpoint
ALTER TABLE `sessions` ADD `version` text;--> statement-breakpoint
UPDATE `sessions` SET `ready_image` = `image`, `ready_contract` = 1 WHERE `status` IN ('active', 'idle', 'stopped');

