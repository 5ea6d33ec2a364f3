-- The metadata database on Spanner, in its PostgreSQL dialect: the same items as the DynamoDB table holds, so that the
-- registry asks both the same questions. Statements end with a semicolon at the end of a line; Spanner takes them one by one.

CREATE TABLE items (
  pk varchar NOT NULL,
  sk varchar NOT NULL,
  document jsonb NOT NULL,
  expires timestamptz,
  PRIMARY KEY (pk, sk)
) TTL INTERVAL '0 days' ON expires;

CREATE CHANGE STREAM items_changes FOR items WITH (value_capture_type = 'OLD_AND_NEW_VALUES');
