-- The ledger keeps what happened for ever: nobody changes or removes an entry, its owner neither.
create function ledger_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'ledger_is_append_only: % on % is refused; the ledger keeps what happened for ever', tg_op, tg_table_name
    using errcode = 'insufficient_privilege', hint = 'Append an entry that corrects, retracts or withdraws.';
end $$;
create trigger ledger_entry_append_only before update or delete on ledger_entry
  for each row execute function ledger_is_append_only();
create trigger ledger_entry_no_truncate before truncate on ledger_entry
  for each statement execute function ledger_is_append_only();
