-- What Spanner's PostgreSQL dialect has and PostgreSQL lacks; runs after schema.sql.

-- Rows go within days after they expire; readers look at the time themselves.
ALTER TABLE items ADD TTL INTERVAL '0 days' ON expires;

-- What the entitlements' reader follows (docs/metadata.md).
CREATE CHANGE STREAM items_changes FOR items WITH (value_capture_type = 'NEW_ROW_AND_OLD_VALUES', retention_period = '7d');
