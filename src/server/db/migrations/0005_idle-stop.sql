ALTER TABLE `sessions` ADD `idle_stop_minutes` integer;--> statement-breakpoint
ALTER TABLE `sessions` ADD `stops_at` text;