-- What an endpoint has opted in to: a next target after refusals, a second call when one is slow.
ALTER TABLE endpoints ADD COLUMN resilience TEXT NOT NULL DEFAULT '{}';
