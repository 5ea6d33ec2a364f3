-- Statements that Spanner's PostgreSQL dialect has and PostgreSQL lacks. They run after schema.sql.

-- Spanner deletes a row within days after it expires, so readers check the time of expiry themselves.
ALTER TABLE items ADD TTL INTERVAL '0 days' ON expires;

-- The change stream from which the token sync reads changes of tokens (docs/metadata.md).
CREATE CHANGE STREAM items_changes FOR items WITH (value_capture_type = 'NEW_ROW_AND_OLD_VALUES', retention_period = '7d');
