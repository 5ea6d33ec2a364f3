-- The metadata database on Spanner, in its PostgreSQL dialect: the same items as the DynamoDB table holds. This file is what
-- PostgreSQL takes, too; what only Spanner has is in spanner-only.sql. Statements end with a semicolon at the end of a line;
-- Spanner takes them one by one.

CREATE TABLE items (
  pk varchar(2048) NOT NULL,
  sk varchar(1024) NOT NULL,
  document varchar NOT NULL,
  version bigint NOT NULL,
  expires timestamptz,
  PRIMARY KEY (pk, sk)
);
