-- What a log holds only grows: what would begin otherwise than it did is refused to everyone, the owner too.
create function log_only_grows() returns trigger language plpgsql as $$
begin
  raise exception 'log_only_grows: % on % is refused; what a log has published stays', tg_op, tg_table_name
    using errcode = 'insufficient_privilege';
end $$;
create trigger log_head_only_grows before update on log_head for each row
  when (new.log <> old.log or new.size <= old.size) execute function log_only_grows();
create trigger log_tile_only_grows before update on log_tile for each row
  when ((new.log, new.level, new.number) <> (old.log, old.level, old.number)
    or substring(new.hashes from 1 for length(old.hashes)) <> old.hashes) execute function log_only_grows();
create trigger log_bundle_only_grows before update on log_bundle for each row
  when ((new.log, new.number) <> (old.log, old.number)
    or substring(new.commitments from 1 for length(old.commitments)) <> old.commitments
    or substring(new.nonces from 1 for length(old.nonces)) <> old.nonces) execute function log_only_grows();
create trigger log_checkpoint_only_grows before update on log_checkpoint for each row execute function log_only_grows();
create trigger log_key_only_grows before update on log_key for each row
  when ((new.verifier, new.log, new.since) <> (old.verifier, old.log, old.since) or old.retired is not null)
  execute function log_only_grows();
do $$
declare name text;
begin
  foreach name in array array['head', 'tile', 'bundle', 'checkpoint', 'key'] loop
    execute format('create trigger log_%1$s_stays before delete on log_%1$s'
      ' for each row execute function log_only_grows()', name);
    execute format('create trigger log_%1$s_is_not_emptied before truncate on log_%1$s'
      ' for each statement execute function log_only_grows()', name);
  end loop;
end $$;
