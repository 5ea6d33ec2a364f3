-- Emulates a change stream of Spanner in PostgreSQL: the stream {stream} of the table {table}. The source of the rules
-- and of the format of records is Spanner, "Change stream partitions, records, and queries".
-- tests/e2e/test_change_streams.py compares this emulation with Google's emulator.
--
-- A deferred trigger writes the change records at the end of a transaction. The trigger takes a lock before it reads the
-- clock, and the transaction holds this lock until its commit is visible. A reader that takes the lock afterwards
-- therefore sees all commits with earlier times.

CREATE SCHEMA IF NOT EXISTS spanner;

CREATE TABLE spanner.partitions_{stream} (
  token text PRIMARY KEY,
  parents text[] NOT NULL,
  slots int[] NOT NULL,
  starts timestamptz NOT NULL,
  ends timestamptz
);

INSERT INTO spanner.partitions_{stream} VALUES (md5(random()::text), '{{}}', '{{0,1}}', clock_timestamp());

CREATE TABLE spanner.records_{stream} (
  id bigserial PRIMARY KEY,
  commit timestamptz NOT NULL,
  slot int NOT NULL,
  record jsonb NOT NULL
);

CREATE FUNCTION spanner.text_of_{stream}(at timestamptz) RETURNS text LANGUAGE sql AS $$
  SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- Returns the columns of a row except the key, with values in the form of Spanner's JSON.
CREATE FUNCTION spanner.values_of_{stream}(given {table}) RETURNS jsonb LANGUAGE sql AS $$
  SELECT CASE WHEN given.pk IS NULL THEN '{{}}'::jsonb ELSE jsonb_build_object(
    'document', given.document, 'version', given.version::text,
    'expires', to_char(given.expires AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) END
$$;

CREATE FUNCTION spanner.record_{stream}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  old_values jsonb := '{{}}'; new_values jsonb := '{{}}'; keys jsonb; moment timestamptz; number int;
BEGIN
  IF TG_OP <> 'DELETE' THEN
    new_values := spanner.values_of_{stream}(NEW); keys := jsonb_build_object('pk', NEW.pk, 'sk', NEW.sk);
  END IF;
  IF TG_OP <> 'INSERT' THEN
    old_values := spanner.values_of_{stream}(OLD); keys := jsonb_build_object('pk', OLD.pk, 'sk', OLD.sk);
  END IF;
  IF TG_OP = 'UPDATE' THEN  -- NEW_ROW_AND_OLD_VALUES: the record has only the changed columns of the old row
    SELECT coalesce(jsonb_object_agg(key, value), '{{}}') INTO old_values
    FROM jsonb_each(old_values) WHERE new_values -> key IS DISTINCT FROM value;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('{stream}'));
  -- All changes of a transaction have one commit time. These settings end with the transaction.
  moment := coalesce(nullif(current_setting('spanner.moment', true), '')::timestamptz, clock_timestamp());
  number := coalesce(nullif(current_setting('spanner.number', true), '')::int, 0);
  PERFORM set_config('spanner.moment', moment::text, true), set_config('spanner.number', (number + 1)::text, true);
  INSERT INTO spanner.records_{stream} (commit, slot, record) VALUES (moment, abs(hashtext(keys::text)) % 2, jsonb_build_object(
    'commit_timestamp', spanner.text_of_{stream}(moment), 'record_sequence', lpad(number::text, 8, '0'),
    'server_transaction_id', pg_current_xact_id()::text, 'is_last_record_in_transaction_in_partition', true,
    'table_name', '{table}', 'value_capture_type', 'NEW_ROW_AND_OLD_VALUES', 'mod_type', TG_OP,
    'column_types', '[{{"name": "pk", "type": {{"code": "STRING"}}, "is_primary_key": true, "ordinal_position": 1}},
      {{"name": "sk", "type": {{"code": "STRING"}}, "is_primary_key": true, "ordinal_position": 2}},
      {{"name": "document", "type": {{"code": "STRING"}}, "is_primary_key": false, "ordinal_position": 3}},
      {{"name": "version", "type": {{"code": "INT64"}}, "is_primary_key": false, "ordinal_position": 4}},
      {{"name": "expires", "type": {{"code": "TIMESTAMP"}}, "is_primary_key": false, "ordinal_position": 5}}]'::jsonb,
    'mods', jsonb_build_array(jsonb_build_object('keys', keys, 'new_values', new_values, 'old_values', old_values)),
    'number_of_records_in_transaction', 1, 'number_of_partitions_in_transaction', 1, 'transaction_tag', '',
    'is_system_transaction', false));
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER record_{stream} AFTER INSERT OR UPDATE OR DELETE ON {table}
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION spanner.record_{stream}();

-- Replaces the partitions: one partition splits into two, or two merge into one. Spanner does this when the load changes.
CREATE FUNCTION spanner.replace_partitions_{stream}() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  old text[]; moment timestamptz;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('{stream}'));
  moment := clock_timestamp();
  SELECT array_agg(token) INTO old FROM spanner.partitions_{stream} WHERE ends IS NULL;
  UPDATE spanner.partitions_{stream} SET ends = moment WHERE ends IS NULL;
  IF cardinality(old) = 1 THEN
    INSERT INTO spanner.partitions_{stream} VALUES
      (md5(random()::text), old, '{{0}}', moment), (md5(random()::text), old, '{{1}}', moment);
  ELSE
    INSERT INTO spanner.partitions_{stream} VALUES (md5(random()::text), old, '{{0,1}}', moment);
  END IF;
END $$;

CREATE FUNCTION spanner.children_{stream}(found spanner.partitions_{stream}, parents text[], at timestamptz)
RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_build_object('child_partitions_record', jsonb_build_object(
    'start_timestamp', spanner.text_of_{stream}(at), 'record_sequence', '00000000',
    'child_partitions', jsonb_build_array(jsonb_build_object('token', found.token, 'parent_partition_tokens', to_jsonb(parents)))))
$$;

CREATE FUNCTION spanner.read_json_{stream}(
  start_timestamp timestamptz, end_timestamp timestamptz, partition_token text, heartbeat_milliseconds bigint, read_options text[]
) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
DECLARE
  asked spanner.partitions_{stream};
BEGIN
  IF end_timestamp IS NULL THEN RAISE 'not emulated: a query of a change stream without an end'; END IF;
  IF end_timestamp < start_timestamp THEN RAISE 'end_timestamp must be greater or equal than start_timestamp'; END IF;
  IF heartbeat_milliseconds NOT BETWEEN 1000 AND 300000 THEN RAISE 'heartbeat_milliseconds must be 1000 to 300000'; END IF;
  IF read_options IS NOT NULL THEN RAISE 'read_options must be null'; END IF;
  IF start_timestamp < (SELECT min(starts) FROM spanner.partitions_{stream}) OR start_timestamp < now() - interval '7 days' THEN
    RAISE 'start_timestamp is older than the change stream, or than what it keeps';
  END IF;
  PERFORM pg_sleep(greatest(0, extract(epoch FROM end_timestamp - clock_timestamp())));
  PERFORM pg_advisory_xact_lock_shared(hashtext('{stream}'));
  IF partition_token IS NULL THEN
    RETURN QUERY SELECT spanner.children_{stream}(p, '{{}}', start_timestamp) FROM spanner.partitions_{stream} p
      WHERE starts <= start_timestamp AND (ends IS NULL OR ends > start_timestamp);
    RETURN;
  END IF;
  SELECT * INTO asked FROM spanner.partitions_{stream} WHERE token = partition_token;
  IF asked.token IS NULL THEN RAISE 'partition_token is invalid'; END IF;
  RETURN QUERY SELECT jsonb_build_object('data_change_record', record) FROM spanner.records_{stream}
    WHERE slot = ANY (asked.slots) AND commit >= greatest(start_timestamp, asked.starts)
      AND commit <= end_timestamp AND (asked.ends IS NULL OR commit < asked.ends) ORDER BY id;
  IF asked.ends <= end_timestamp THEN
    RETURN QUERY SELECT spanner.children_{stream}(p, p.parents, p.starts) FROM spanner.partitions_{stream} p
      WHERE partition_token = ANY (p.parents);
  ELSIF NOT FOUND THEN
    RETURN NEXT jsonb_build_object('heartbeat_record', jsonb_build_object('timestamp', spanner.text_of_{stream}(end_timestamp)));
  END IF;
END $$;
