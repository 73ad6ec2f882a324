-- What each role may do with each table.
revoke all on log_head, log_tile, log_bundle, log_checkpoint, log_cosignature, log_key from wayfare_app, wayfare_reader;
grant select, insert, update on log_head, log_tile, log_bundle, log_checkpoint, log_cosignature, log_key to wayfare_app;
grant select on log_head, log_tile, log_checkpoint, log_cosignature, log_key to wayfare_reader;
grant select (log, number, commitments) on log_bundle to wayfare_reader;  -- not the nonces
