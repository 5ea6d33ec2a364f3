-- How far the follower of the change stream is in each of the stream's partitions (docs/entitlements.md). In a file of its own, as
-- it came later: a database's statements may grow at their end only.

CREATE TABLE items_changes_positions (
  partition varchar(1024) NOT NULL,
  waits_for varchar NOT NULL,
  position timestamptz NOT NULL,
  PRIMARY KEY (partition)
);
