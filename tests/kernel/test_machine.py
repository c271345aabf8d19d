import pytest

from kernel.errors import ActionNotAllowed
from kernel.machine import Actor, Edge, Machine

BOTH = (Actor.RESIDENT, Actor.STAFF)


def edge(action: str, sources: str, target: str, *actors: Actor) -> Edge:
    return Edge(action, tuple(sources.split()), target, f"thing.{action}", actors or BOTH)


@pytest.fixture
def machine() -> Machine:
    return Machine(
        "thing",
        ["held"],
        [
            edge("confirm", "held", "booked", Actor.RESIDENT),
            edge("cancel", "held booked", "cancelled"),
            edge("check_in", "booked", "present", Actor.STAFF),
            edge("expire", "held", "expired", Actor.SYSTEM),
        ],
    )


def test_two_edges_for_one_state_and_action_contradict_each_other() -> None:
    with pytest.raises(ValueError, match="thing: two edges for held --confirm-->"):
        Machine("thing", ["held"], [edge("confirm", "held", "booked"), edge("confirm", "held", "lost")])


def test_a_state_named_twice_as_source_of_one_edge_is_a_contradiction_too() -> None:
    with pytest.raises(ValueError, match="two edges"):
        Machine("thing", ["held"], [edge("confirm", "held held", "booked")])


def test_a_state_that_no_edge_leads_to_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unreachable states \['lost'\]"):
        Machine("thing", ["held"], [edge("confirm", "held lost", "booked")])


def test_states_that_lead_only_to_each_other_are_unreachable() -> None:
    with pytest.raises(ValueError, match=r"unreachable states \['left', 'right'\]"):
        Machine("thing", ["held"], [edge("go", "left", "right"), edge("back", "right", "left")])


def test_without_an_initial_state_nothing_is_reachable() -> None:
    with pytest.raises(ValueError, match="unreachable"):
        Machine("thing", [], [edge("confirm", "held", "booked")])


def test_edges_declared_in_any_order_are_reachable() -> None:
    assert Machine("thing", ["a"], [edge("z", "c", "d"), edge("y", "b", "c"), edge("x", "a", "b")]).final == {"d"}


def test_states_and_final_states_come_from_the_edges(machine: Machine) -> None:
    assert machine.states == {"held", "booked", "cancelled", "present", "expired"}
    assert machine.final == {"cancelled", "present", "expired"}


def test_a_machine_of_one_state_is_final_at_once() -> None:
    assert Machine("thing", ["done"], []).final == {"done"}


def test_allowed_actions_are_listed_in_order_for_anybody_or_for_one_kind_of_actor(machine: Machine) -> None:
    assert machine.allowed("held") == ["cancel", "confirm", "expire"]
    assert machine.allowed("held", Actor.RESIDENT) == ["cancel", "confirm"]
    assert machine.allowed("held", Actor.STAFF) == ["cancel"]
    assert machine.allowed("held", Actor.SYSTEM) == ["expire"]


def test_nothing_is_allowed_in_a_final_or_unknown_state(machine: Machine) -> None:
    assert machine.allowed("cancelled") == machine.allowed("nowhere") == []


def test_a_step_gives_the_edge_to_follow(machine: Machine) -> None:
    step = machine.step("booked", "check_in", Actor.STAFF)
    assert (step.target, step.event) == ("present", "thing.check_in")


@pytest.mark.parametrize(
    ("state", "action", "actor", "allowed"),
    [
        ("booked", "confirm", Actor.RESIDENT, ["cancel"]),
        ("booked", "check_in", Actor.RESIDENT, ["cancel"]),
        ("booked", "fly", Actor.STAFF, ["cancel", "check_in"]),
        ("cancelled", "cancel", Actor.STAFF, []),
        ("nowhere", "cancel", Actor.STAFF, []),
    ],
)
def test_a_refused_step_lists_what_this_actor_may_do_now(
    machine: Machine, state: str, action: str, actor: Actor, allowed: list[str]
) -> None:
    with pytest.raises(ActionNotAllowed) as refused:
        machine.step(state, action, actor)
    assert refused.value.fields == {"state": state, "action": action, "allowed": allowed}


def test_every_action_allowed_to_an_actor_can_be_stepped_and_no_other(machine: Machine) -> None:
    for state in machine.states:
        for actor in Actor:
            for action in {each.action for each in machine.edges}:
                if action in machine.allowed(state, actor):
                    assert machine.step(state, action, actor).target in machine.states
                else:
                    with pytest.raises(ActionNotAllowed):
                        machine.step(state, action, actor)


def test_the_diagram_draws_every_edge_the_beginning_and_the_ends(machine: Machine) -> None:
    assert machine.mermaid().splitlines() == [
        "stateDiagram-v2",
        "    [*] --> held",
        "    held --> booked: confirm",
        "    held --> cancelled: cancel",
        "    booked --> cancelled: cancel",
        "    booked --> present: check_in",
        "    held --> expired: expire",
        "    cancelled --> [*]",
        "    expired --> [*]",
        "    present --> [*]",
    ]
