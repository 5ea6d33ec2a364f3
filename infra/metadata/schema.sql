-- The metadata database on Spanner, in its PostgreSQL dialect, with the same items as the DynamoDB table. PostgreSQL also
-- accepts these statements; spanner-only.sql has those that only Spanner accepts. Each statement ends with a semicolon at
-- the end of a line, because Spanner takes statements one by one.

CREATE TABLE items (
  pk varchar(2048) NOT NULL,
  sk varchar(1024) NOT NULL,
  document varchar NOT NULL,
  version bigint NOT NULL,
  expires timestamptz,
  PRIMARY KEY (pk, sk)
);
