"""A migration's file: its header, that it stays as it landed, and when it is applied. Pure, but for the folder."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.db.migration_files import Migration, MigrationRefused, load_migrations, read_migration
from api.db.migration_plan import RENAMED, make_plan
from api.db.privileges import GATEWAY, NOT_FOR_GATEWAYS
from backbone.contract.release import FIRST, Release, parse_release
from backbone.eventlog.schema import Listed, Phase, load_list, unfit
from backbone.runtime.version import RELEASE

NEXT = Release(RELEASE.major, RELEASE.minor + 1)
AFTER_NEXT = Release(RELEASE.major, RELEASE.minor + 2)


def listed(*migrations: Migration) -> dict[str, Listed]:
    return {m.name: Listed(m.name, m.checksum, m.phase, m.release) for m in migrations}


def file(number: int, release: Release = FIRST, phase: Phase = Phase.PRE) -> Migration:
    return Migration(f"{number:04}_x.sql", f"SELECT {number}", release, phase)


# -- what has landed ---------------------------------------------------------------------------------------------


def test_every_migration_that_landed_is_as_it_was() -> None:
    lines = [f"{m.name} {m.release} {m.phase.value} {m.checksum.hex()}" for m in load_migrations()]
    known = [f"{one.name} {one.release} {one.phase.value} {one.checksum.hex()}" for one in load_list()]
    assert lines == known, (
        "A landed migration is never changed: add a new one. For a new one, its line goes to the end of "
        "backbone/eventlog/migrations.txt:\n" + "\n".join(line for line in lines if line not in known)
    )


def test_the_first_thirteen_are_those_of_release_0_1_0() -> None:
    # Said twice, so that nobody changes a file and its line together and sees nothing.
    from hashlib import sha256

    first = [one for one in load_list() if one.release == FIRST]
    assert len(first) == 13, "a new file declares its release: `-- release: …`"
    whole = sha256(b"".join(one.name.encode() + one.checksum for one in first)).hexdigest()
    assert whole == "ea97de83e6e186128a71be68fd9e465cb3e01c4b1b0422fc2624206e6b4ce564"


def test_no_two_files_have_the_same_number_and_later_releases_have_later_ones() -> None:
    migrations = sorted(load_migrations(), key=lambda m: m.name)
    numbers = [int(migration.name[:4]) for migration in migrations]
    assert numbers == sorted(set(numbers))
    releases = [migration.release for migration in migrations]
    assert releases == sorted(releases)
    assert releases[-1] <= RELEASE


def test_every_table_of_the_migrations_has_a_decision_about_gateways() -> None:
    made: set[str] = set()
    for migration in load_migrations():
        made |= set(
            re.findall(
                r"^\s*CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?(\w+)", migration.sql, re.MULTILINE
            )
        )
        made -= set(re.findall(r"^\s*DROP TABLE (?:IF EXISTS )?(\w+)", migration.sql, re.MULTILINE))
    decided = GATEWAY.keys() | NOT_FOR_GATEWAYS
    assert made - decided == set(), (
        "say in api/db/privileges.py what gateways may do with them (GATEWAY), or nothing"
    )
    assert decided - made == {"schema_migrations"}


# -- the header --------------------------------------------------------------------------------------------------


def test_a_header_says_release_phase_and_transaction() -> None:
    text = "-- Makes it quick.\n-- release: 0.3.0\n-- phase: post\n-- transaction: none\n\n"
    found = read_migration("0042_quick.sql", text + "CREATE INDEX CONCURRENTLY quick ON orders (tenant);\n")
    assert (found.release, found.phase, found.in_transaction) == (Release(0, 3), Phase.POST, False)
    plain = read_migration("0001_x.sql", "-- The clients that are served: tenants, and others.\nSELECT 1;")
    assert (plain.release, plain.phase, plain.in_transaction) == (FIRST, Phase.PRE, True)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("-- phaze: post\nSELECT 1;", "nothing is declared by '-- phaze: post'"),
        ("-- phase: later\nSELECT 1;", "'later' is not a valid Phase"),
        ("-- release: two\nSELECT 1;", "'two' is no release"),
        ("-- transaction: maybe\nSELECT 1;", "'maybe' is no transaction"),
        ("SELECT 1;\n-- phase: post\n", "belongs once into the comment that the file begins with"),
        ("-- phase: post\n-- phase: pre\nSELECT 1;", "belongs once"),
    ],
)
def test_a_header_that_is_not_understood_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"0042_x.sql: .*{complaint}"):
        read_migration("0042_x.sql", text)


@pytest.mark.parametrize(
    ("sql", "fits"),
    [
        ("CREATE INDEX CONCURRENTLY a ON orders (tenant)", True),
        ("-- Why.\ncreate unique index concurrently a on orders (tenant) where x = 1;\n", True),
        ("DROP INDEX CONCURRENTLY IF EXISTS a;", True),
        ("DO $$ BEGIN UPDATE a SET b = 1; COMMIT; END $$;", True),
        ("DO $x$ BEGIN EXECUTE $$ SELECT 1; $$; END $x$", True),
        # Cut, these cannot be begun again, or leave what nobody mends.
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS a ON orders (tenant)", False),
        ("CREATE INDEX CONCURRENTLY ON orders (tenant)", False),
        ("DROP INDEX CONCURRENTLY a", False),
        ("CREATE INDEX CONCURRENTLY a ON orders (tenant); SELECT 1;", False),
        ("DO $$ BEGIN END $$; DO $$ BEGIN END $$;", False),
        ("CREATE INDEX a ON orders (tenant)", False),
        ("ALTER TABLE a ADD b text", False),
        ("", False),
    ],
)
def test_outside_a_transaction_stands_one_statement_that_may_be_cut(sql: str, fits: bool) -> None:
    text = "-- transaction: none\n" + sql
    if fits:
        assert not read_migration("0042_x.sql", text).in_transaction
    else:
        with pytest.raises(ValueError, match="one statement that may be cut and begun again"):
            read_migration("0042_x.sql", text)


# -- the plan ----------------------------------------------------------------------------------------------------


def test_files_apply_in_the_order_of_their_names_and_none_goes_in_between() -> None:
    first, second, third = (file(n) for n in (1, 2, 3))
    assert make_plan([first, second], {}).now == (first, second)
    assert make_plan([first, second], listed(first)).now == (second,)
    assert make_plan([first], listed(first)).now == ()
    with pytest.raises(MigrationRefused, match="0002_x"):
        make_plan([first, second, third], listed(first, third))


def test_a_releases_post_comes_behind_its_pre_and_before_the_next_releases_pre() -> None:
    old, post, pre = file(1), file(2, RELEASE, Phase.POST), file(3, RELEASE)
    later = file(4, NEXT)
    every = [old, post, pre, later]
    plan = make_plan(every[:3], listed(old))
    assert (plan.now, plan.waiting) == ((pre,), (post,))
    assert make_plan(every[:3], listed(old), post=True).now == (pre, post)
    assert make_plan(every[:3], {}, fresh=True).now == (old, pre, post)
    # The next release's `migrate` finishes what this one's operator left undone.
    assert make_plan(every, listed(old, pre), release=NEXT).now == (post, later)


def test_an_older_release_lives_with_the_pre_of_the_next_and_with_nothing_else() -> None:
    ours = [file(1), file(2, RELEASE)]
    plan = make_plan(ours, listed(*ours, file(3, NEXT), file(4, NEXT)))
    assert plan.now == ()
    assert [one.name for one in plan.beyond] == ["0003_x.sql", "0004_x.sql"]
    with pytest.raises(MigrationRefused, match=r"post-migration 0003_x\.sql of .*ends support"):
        make_plan(ours, listed(*ours, file(3, NEXT, Phase.POST)))
    with pytest.raises(MigrationRefused, match="the release that follows it, and no later one"):
        make_plan(ours, listed(*ours, file(3, NEXT), file(4, AFTER_NEXT)))
    with pytest.raises(MigrationRefused, match="which is unknown here"):
        make_plan(ours, listed(*ours, file(3)))
    with pytest.raises(MigrationRefused, match=r"lacks 0002_x\.sql, which comes before it"):
        make_plan(ours, listed(ours[0], file(3, NEXT)))


def test_the_names_of_an_earlier_numbering_are_told_the_way_out() -> None:
    for name in RENAMED:
        with pytest.raises(MigrationRefused, match=rf"{name}.*`bellwire migrate --adopt`"):
            make_plan(load_migrations(), {name: Listed(name, b"")})


PATCH = st.integers(0, 9)


@given(st.integers(0, 3), st.integers(0, 30), PATCH, PATCH)
def test_a_release_lives_beside_its_patches_and_its_successor(
    major: int, minor: int, patch: int, other: int
) -> None:
    mine = Release(major, minor, patch)
    assert parse_release(str(mine)) == mine
    assert mine.lives_beside_newer(Release(major, minor, other))
    assert mine.lives_beside_newer(Release(major, minor + 1, other))
    assert mine.lives_beside_newer(Release(major + 1, 0, other))
    assert not mine.lives_beside_newer(Release(major, minor + 2, other))
    assert not mine.lives_beside_newer(Release(major + 1, 1, other))
    assert not mine.lives_beside_newer(Release(major + 2, 0, other))


def test_pods_judge_a_database_as_migrate_does() -> None:
    ours = load_list()
    applied = {one.name: one for one in ours}
    assert unfit(applied, ours) is None
    later = Listed("9001_x.sql", b"", Phase.PRE, NEXT)
    assert unfit({**applied, later.name: later}, ours) is None
    end = Listed("9002_x.sql", b"", Phase.POST, NEXT)
    assert unfit({**applied, end.name: end}, ours) is not None
