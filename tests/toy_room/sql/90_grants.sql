-- What each role may do with each table.
revoke all on toy_room_flight from wayfare_app, wayfare_reader;
grant select, insert, update, delete on toy_room_flight to wayfare_app;
grant select on toy_room_flight to wayfare_reader;
