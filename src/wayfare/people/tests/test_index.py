"""Who has a text is found by it, whatever came, went and was moved; and rows say nothing to who has no key."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from django.db import IntegrityError, connections
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from wayfare.people import epochs, operations, queries
from wayfare.people import tokens as texts
from wayfare.people.index import BLOCK_BYTES, LEVELS, PADDED_TO, Keyed, Reading, Slots, padded, sign
from wayfare.people.installed import master_keys
from wayfare.people.tests.cast import NOW, Colleague, erased, file_data

KEYS = st.binary(min_size=32, max_size=32)
PLACES = st.lists(st.tuples(st.binary(min_size=BLOCK_BYTES, max_size=BLOCK_BYTES), st.integers(0, 2**32 - 1)))


# Tokens ---------------------------------------------------------------------------------------------------------------


@given(st.binary(min_size=1, max_size=100), st.text())
def test_a_block_is_the_hmac_of_its_text_cut(index, text):
    if "\ud800" <= max(text, default="") <= "\udfff":
        return
    assert Keyed(index, bytes(32), "paris").block(text) == hmac.digest(index, text.encode(), "sha256")[:12]


@given(KEYS, PLACES)
def test_a_token_is_a_block_and_a_number_enciphered(key, places):
    making = Keyed(b"index", key, "paris")
    of_office = hmac.digest(key, b"office paris", "sha256")
    cipher = Cipher(AES(of_office), ECB())
    found = making.tokens(places)
    assert found == [cipher.encryptor().update(block + n.to_bytes(4, "big")) for block, n in places]
    assert making.blocks(b"".join(found)) == [block for block, _ in places]


def test_no_two_places_epochs_or_offices_have_a_token_in_common():
    blocks, numbers = (
        [secrets.token_bytes(BLOCK_BYTES) for _ in range(50)],
        [*range(8), *map(sign, range(1, LEVELS + 1))],
    )
    places = [(block, n) for block in blocks for n in numbers]
    makers = [Keyed(b"i", key, office) for key in (bytes(32), b"1" * 32) for office in ("paris", "lyon", "")]
    every = [token for making in makers for token in making.tokens(places)]
    assert len(set(every)) == len(every) == 6 * len(places)


def test_what_a_token_was_once_it_is_for_ever():
    making = Keyed(bytes(range(32)), bytes(range(32, 64)), "paris")
    places = [(making.block("word:nur"), 0), (making.block("year:1990"), 3), (making.block("word:nur"), sign(1))]
    assert [one.hex() for one in making.tokens(places)] == [
        "df33cc832ff2b52e93e335a872def152",
        "a7cde82ed08624c16b273cc203b70474",
        "36951e154611ceff9c6bed0fd8ea0b14",
    ]


# Slots, against a model -----------------------------------------------------------------------------------------------

TEXTS = [f"word:{letter}" for letter in "abcde"]
block = Keyed(b"index", bytes(32), "paris").block


def keyed_in(epoch):
    return Keyed(b"index", bytes([epoch]) * 32, "paris")


def there_of(stored):
    return lambda tokens: {n for n, token in enumerate(tokens) if token in stored}


class Index(RuleBasedStateMachine):
    """People come with some texts, many or one at a time, and go; epochs turn. The index is a dictionary."""

    people = Bundle("people")

    def __init__(self):
        super().__init__()
        self.stored = {}
        """Each token with its epoch and person."""
        self.texts = {}
        self.epochs = [1]

    def put(self, people, many, made=list):
        tokens, signs = Slots(keyed_in(self.epochs[-1]), there_of(self.stored)).rows(many)
        rows = [(one, who) for who, some in zip(people, tokens, strict=True) for one in made(some)]
        for token, person in [*rows, *((one, None) for one in signs)]:
            assert token not in self.stored, "no token comes twice"
            self.stored[token] = self.epochs[-1], person

    @rule(target=people, many=st.lists(st.sets(st.sampled_from(TEXTS)), min_size=1, max_size=40))
    def come(self, many):
        people = tuple(uuid4() for _ in many)
        self.put(people, [[block(text) for text in some] for some in many], padded)
        self.texts |= dict(zip(people, many, strict=True))
        return people

    @rule(target=people, times=st.integers(1, 30))
    def come_one_after_the_other(self, times):
        people = tuple(uuid4() for _ in range(times))
        for person in people:
            self.put([person], [[block(TEXTS[0])]], padded)
            self.texts[person] = {TEXTS[0]}
        return people

    @rule(people=consumes(people), but=st.integers(0, 2))
    def go(self, people, but):
        for person in people[but:]:
            del self.texts[person]
        self.stored = {token: row for token, row in self.stored.items() if row[1] is None or row[1] in self.texts}

    @rule(data=st.data())
    def turn(self, data):
        """Move people to the next epoch, a few at a time; then the signs of the old one go."""
        self.epochs.append(self.epochs[-1] + 1)
        people = list(self.texts)
        stop = data.draw(st.integers(0, len(people)))
        for some in (people[:stop], people[stop:]):
            for at in range(0, len(some), 3):
                self.move(some[at : at + 3])
            self.everybody_is_found_by_their_texts_and_by_no_other()
        old = self.epochs.pop(0)
        left = {token: row for token, row in self.stored.items() if row[0] == old}
        assert {person for _, person in left.values()} <= {None}
        self.stored = {token: row for token, row in self.stored.items() if token not in left}

    def move(self, people):
        many = []
        for person in people:
            mine = [token for token, row in self.stored.items() if row[1] == person]
            many.append(keyed_in(self.epochs[0]).blocks(b"".join(mine)))
            for token in mine:
                del self.stored[token]
        self.put(people, many)

    @invariant()
    def everybody_is_found_by_their_texts_and_by_no_other(self):
        def found(tokens):
            return [(n, self.stored[one][1]) for n, one in enumerate(tokens) if one in self.stored]

        theirs = {person: some for person, some in self.texts.items() if some}
        reading = Reading({epoch: keyed_in(epoch) for epoch in self.epochs}, TEXTS, found)
        assert not reading.read(LEVELS - 1)
        assert reading.hits == theirs
        whole = [(epoch, person, token) for token, (epoch, person) in self.stored.items() if person]
        assert {person: some for person, some in reading.texts_of(whole).items() if some} == theirs

    @invariant()
    def the_number_of_a_person_s_rows_tells_little(self):
        rows = Counter(person for _, person in self.stored.values() if person)
        assert all(number % PADDED_TO == 0 for number in rows.values())


TestIndex = Index.TestCase
TestIndex.settings = settings(max_examples=30, stateful_step_count=12)


def filled(times, at_once):
    """Enrol so many people of one name, some at a time; return the tokens that are stored."""
    stored = set[bytes]()
    for _ in range(times // at_once):
        tokens, signs = Slots(keyed_in(1), there_of(stored)).rows([[block("word:a")]] * at_once)
        stored |= {*signs, *(one for some in tokens for one in some)}
    return stored


@pytest.mark.parametrize("at_once", [1, 10, 1000])
def test_levels_are_begun_when_those_before_are_about_full(at_once):
    stored = filled(1000, at_once)
    levels = len(stored) - 1000
    assert 10 <= levels <= 11, "1000 people fill 1024 slots; a level too early is at most twice as many"


def test_what_an_erasure_left_is_used_again():
    stored = filled(100, 10)
    signs = set(keyed_in(1).tokens((block("word:a"), sign(level)) for level in range(1, LEVELS + 1)))
    left = stored & signs
    tokens, begun = Slots(keyed_in(1), there_of(left)).rows([[block("word:a")]] * 8)
    assert begun == []
    assert len({one for some in tokens for one in some} - stored) < 8, "some of the slots are those of before"


def test_slots_are_drawn_and_not_given_in_turn():
    """Else who has the key would see by the slots who of a name came before whom, and when somebody went."""
    first = [filled(3, 1) for _ in range(20)]
    assert len({frozenset(one) for one in first}) > 1


# In the database ------------------------------------------------------------------------------------------------------


def rows(vault, statement, *parameters):
    with psycopg.connect(vault("wayfare_owner"), autocommit=True) as owner:
        cursor = owner.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def enrol(colleague, names):
    files = [operations.file_from(file_data(name), at=NOW) for name in names]
    with colleague.acting():
        return [one.person for one in operations.enrol_many(files, at=NOW)]


def found(colleague, text):
    return {one.person for one in queries.search(colleague.secret, text, limit=50).found}


ALIKE = ["Maryam Karimi"] * 40
UNLIKE = [f"Ma{a}yam Ka{b}imi" for a in "bdfgjknp" for b in "tvwxz"]


@pytest.mark.parametrize("names", [ALIKE, UNLIKE])
def test_a_copy_of_the_database_does_not_tell_who_are_called_alike(vault, counsellor, names):
    """What is stored of 40 people of one name and birth is what is stored of 40 others: as much, and all of it random."""
    enrol(counsellor, names)
    stored = rows(vault, "select person, array_agg(token) from people_token where person is not null group by person")
    assert {len(tokens) for _, tokens in stored} == {16}
    every = [token.bytes for _, tokens in stored for token in tokens]
    assert len(set(every)) == 16 * 40
    for at in (0, 8):
        assert len({one[at : at + 8] for one in every}) == len(every), "no half of them is shared"
    ones = sum(int.from_bytes(one, "big").bit_count() for one in every)
    assert abs(ones - 64 * len(every)) < 6 * (32 * len(every)) ** 0.5, "as many ones as noughts"


def test_with_the_key_the_same_copy_tells_it(vault, counsellor):
    """The control: what is alike is there, for who has the key."""
    enrol(counsellor, ALIKE[:5])
    ((tokens,),) = rows(vault, "select string_agg(uuid_send(token), '') from people_token where person is not null")
    keys = master_keys()
    blocks = Keyed(keys.index_key(), keys.token_key(1, "search"), "paris").blocks(tokens)
    assert Counter(Counter(blocks).values())[5] > 8
    stranger = Keyed(keys.index_key(), keys.token_key(1, "search"), "lyon").blocks(tokens)
    assert set(Counter(stranger).values()) == {1}


def test_who_is_left_of_a_common_name_is_found(vault, counsellor, supervisor):
    people = enrol(counsellor, ALIKE)
    for person in people[:-1]:
        erased(person, supervisor)
    assert found(counsellor, "Karimi") == {people[-1]}
    assert found(counsellor, "Maryam Karimi") == {people[-1]}
    (late,) = enrol(counsellor, ["Maryam Karimi"])
    assert found(counsellor, "Karimi") == {people[-1], late}


def test_of_the_erased_nothing_is_left_and_a_turn_takes_their_signs(vault, counsellor, supervisor):
    for person in enrol(counsellor, ALIKE):
        erased(person, supervisor)
    ((left, nobodys),) = rows(vault, "select count(*), count(*) filter (where person is null) from people_token")
    assert left == nobodys > 0
    epochs.rewrap(epochs.begin())
    assert rows(vault, "select * from people_token") == []


def test_who_is_erased_while_they_are_searched_for_is_left_out(vault, counsellor, supervisor, monkeypatch):
    person, other = enrol(counsellor, ALIKE[:2])
    ranked = texts.ranked

    def erase():
        try:
            erased(person, supervisor)
        finally:
            connections.close_all()

    def meanwhile(*given):
        with ThreadPoolExecutor(1) as threads:
            threads.submit(erase).result(20)
        return ranked(*given)

    monkeypatch.setattr(texts, "ranked", meanwhile)
    assert found(counsellor, "Karimi") == {other}


def two_at_once(vault, counsellor):
    """Enrol somebody while somebody of the same name is enrolled, and has not ended; return both."""
    counsellor.enrols("Nur")  # the first of all notes the epoch, for which the second would wait too
    begun, go_on = threading.Event(), threading.Event()

    def first():
        try:
            with counsellor.acting():
                made = operations.enrol(file_data("Maryam Karimi"), at=NOW)
                begun.set()
                go_on.wait(20)
            return made.person
        finally:
            connections.close_all()

    def second():
        try:
            return enrol(counsellor, ["Maryam Karimi"])[0]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(first)
        assert begun.wait(20)
        other = threads.submit(second)
        with psycopg.connect(vault("postgres"), autocommit=True) as superuser:
            waits = "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
            while superuser.execute(waits).rowcount == 0:
                assert not other.done()
        go_on.set()
        return {one.result(), other.result()}


def test_of_two_who_are_enrolled_at_once_both_are_found(vault, counsellor):
    assert two_at_once(vault, counsellor) == found(counsellor, "Karimi")


def test_without_the_lock_the_second_would_be_refused(vault, counsellor):
    """The control: then both take the same slots, and the database takes no token twice."""
    rows(vault, "create or replace function people_lock_index(office text) returns void language sql as ''")
    with pytest.raises(IntegrityError, match="people_token_once"):
        two_at_once(vault, counsellor)


def test_offices_write_at_once(vault, counsellor):
    lyon = Colleague("lyon", "counsellor")
    lyon.enrols("Nur")
    with ThreadPoolExecutor(1) as threads, counsellor.acting():
        operations.enrol(file_data("Maryam Karimi"), at=NOW)

        def elsewhere():
            try:
                return enrol(lyon, ["Maryam Karimi"])
            finally:
                connections.close_all()

        assert threads.submit(elsewhere).result(20)


# What the database refuses --------------------------------------------------------------------------------------------


@pytest.fixture
def thief(vault):
    """Gives a function: a transaction with the application's password and a session."""
    with psycopg.connect(vault("wayfare_app")) as connection:

        def begin(colleague, *statements):
            connection.rollback()
            connection.execute("select set_config('app.session', %s, true)", [colleague.secret])
            for statement in statements:
                connection.execute(statement)
            return connection

        yield begin


@pytest.fixture
def begun(thief):
    """Gives for a colleague a search of theirs whose line is committed, and a transaction of theirs after that."""

    def begun(colleague):
        connection = thief(colleague)
        ((search,),) = connection.execute("select people_search()").fetchall()
        connection.commit()
        return search, thief(colleague)

    return begun


def test_within_a_search_so_much_may_be_asked_and_no_more(vault, counsellor, begun):
    person = counsellor.enrols("Nur").person
    of_person = f"select * from people_found_by({{0}}, array['{person}']::uuid[])"
    many = "select * from people_found({{0}}, array(select gen_random_uuid() from generate_series(1, {})))"
    search, connection = begun(counsellor)
    assert connection.execute(of_person.format(search)).fetchone()[0] == person
    for statements in (
        [of_person, of_person],
        ["select * from people_found_by({0}, array(select gen_random_uuid() from generate_series(1, 301)))"],
        [many.format(150_000), many.format(50_001)],
        ["select people_show({0}, '{{}}')", f"select people_show({{0}}, array['{person}']::uuid[])"],
        ["select people_show({0}, '{{}}')", of_person],
        [f"select people_show({{0}}, array['{person}']::uuid[])", "select * from people_shown({0})"],
        ["select * from people_shown({0})"],
    ):
        search, connection = begun(counsellor)
        for statement in statements[:-1]:
            connection.execute(statement.format(search))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statements[-1].format(search))
    search, connection = begun(counsellor)
    connection.execute(many.format(150_000).format(search))
    assert connection.execute(many.format(50_000).format(search)).fetchall() == []


def test_of_another_office_nothing_is_found(vault, counsellor, begun):
    person = counsellor.enrols("Nur").person
    tokens = [token for (token,) in rows(vault, "select token from people_token where person = %s", person)]
    lyon = Colleague("lyon", "counsellor")
    for colleague, number in ((counsellor, len(tokens)), (lyon, 0)):
        search, connection = begun(colleague)
        assert len(connection.execute("select * from people_found(%s, %s)", [search, tokens]).fetchall()) == number
        found_by = connection.execute("select * from people_found_by(%s, %s)", [search, [person]]).fetchall()
        assert len(found_by) == min(number, 1)
        connection.execute("select people_show(%s, %s)", [search, [person]])
        connection.commit()
        connection.execute("select set_config('app.session', %s, true)", [colleague.secret])
        assert len(connection.execute("select * from people_shown(%s)", [search]).fetchall()) == min(number, 1)


@pytest.mark.parametrize("role", ["statistician", "auditor", "administrator", "verifier", "travel_officer"])
def test_which_tokens_are_stored_is_told_to_who_writes(vault, counsellor, thief, role):
    counsellor.enrols("Nur")
    thief(counsellor).execute("select * from people_there('{}')")
    for statement in ("select * from people_there('{}')", "select people_to_write(1, null)"):
        connection = thief(Colleague("paris", role))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
