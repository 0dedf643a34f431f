"""H and I. What no venue can cause: F44 to F50, disks, processes and deliveries."""

from tests.faults.case import elsewhere

_STATE = "tests/store/test_state_file.py::test_a_second_owner_is_refused_in"
_TAPE = "tests/store/test_tape_file.py::test_a_second_writer_is_refused_in"
_PAGE = "tests/live/test_health_page.py::test"
_FIRE = "tests/live/test_delivery_under_fire.py"
_FAULTS = "tests/live/test_delivery_faults.py::test"

elsewhere(
    "F44",
    "kill -9 or power loss anywhere",
    "tests/store/test_tape_crash.py tests/alerts/test_outbox_crash.py "
    "tests/store/test_state.py::"
    "test_a_hundred_thousand_rows_open_within_five_seconds_after_a_crash",
    "processes are killed and disks rebuilt from what was synced; 1,000 kills and 200 power losses "
    "are in the slow tests",
)
elsewhere(
    "F45",
    "ten restarts on the same day",
    "tests/store/test_tape.py::test_restarting_ten_times_a_day_only_adds "
    "tests/store/test_tapes.py::TestRestart",
    "it is the tape that is opened again, not the venue",
)
elsewhere(
    "F46",
    "two of us on one store",
    f"{_TAPE}_the_same_process {_TAPE}_another_process "
    f"{_STATE}_the_same_process {_STATE}_another_process "
    "tests/store/test_tapes.py "
    "tests/app/test_watching.py::test_a_second_process_on_the_same_store_is_refused",
    "a second process is started beside the first",
)
elsewhere(
    "F47",
    "a slow client of our own API",
    f"{_PAGE}_who_says_nothing_is_hung_up_on {_PAGE}_too_many_at_once_are_refused "
    f"{_PAGE}_stop_is_quick_though_somebody_holds_on",
    "only in part: nothing is pushed to clients before the page (issue 6), so no queue can grow; "
    "what serves today is the health page, whose clients are bounded",
)
elsewhere(
    "F48",
    "a receiver that answers 429 or 5xx, hangs or breaks off",
    f"{_FAULTS}_f48_what_failed_arrives_once_the_receiver_heals_in_order "
    f"{_FAULTS}_f48_retry_after_is_waited_for "
    f"{_FIRE}::test_a_thousand_alerts_through_a_bad_receiver_and_ten_kills",
    "receivers of alerts fail, over real sockets",
)
elsewhere(
    "F49",
    "accepted, and the answer is lost",
    f"{_FAULTS}_f49_an_answer_that_is_lost_is_asked_for_again_under_the_same_id "
    f"{_FAULTS}_f49_a_success_whose_body_breaks_off_is_a_success",
    "receivers of alerts fail, over real sockets",
)
elsewhere(
    "F50",
    "killed between detection and arrival",
    f"{_FIRE}::test_killed_at_each_step_nothing_is_lost "
    f"{_FIRE}::test_the_oracle_sees_planted_bugs tests/alerts/test_outbox_crash.py",
    "the process that sends is killed at each step",
)
