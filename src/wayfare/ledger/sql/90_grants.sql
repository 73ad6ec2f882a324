-- What each role may do with each table.
revoke all on ledger_entry, ledger_tally, ledger_own from wayfare_app, wayfare_reader;
grant select, insert on ledger_entry to wayfare_app;
grant select, insert, update on ledger_tally to wayfare_app;
grant select on ledger_own to wayfare_app;
grant select on ledger_entry, ledger_tally to wayfare_reader;
