"""The publisher's side in the cloud: the outbox drain, its permissions and its alarms."""
