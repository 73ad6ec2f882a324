"""A room that shows what adding one takes: who is on which flight. `proof.py` tries it through every door.

Nothing outside this folder knows of it; `tests/test_toy_room.py` puts it on the list of installed rooms.
"""
