-- The token sync's position in each partition of the change stream (docs/entitlements.md). The table has a separate file
-- that runs last, because new statements may only be added at the end of a database's statements.

CREATE TABLE items_changes_positions (
  partition varchar(1024) NOT NULL,
  waits_for varchar NOT NULL,
  position timestamptz NOT NULL,
  PRIMARY KEY (partition)
);
