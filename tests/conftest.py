"""For every pytest suite here: at the end one TAP line per case, which ./check
counts, and exit status 77 (skipped) when no case could run at all."""

WORD = {"passed": "ok", "failed": "not ok", "error": "not ok", "skipped": "ok"}
SKIP = 77


def pytest_terminal_summary(terminalreporter):
    number = 0
    for outcome, word in WORD.items():
        for report in terminalreporter.stats.get(outcome, []):
            number += 1
            reason = ""
            if outcome == "skipped" and isinstance(report.longrepr, tuple):
                reason = " # SKIP " + report.longrepr[2].removeprefix("Skipped: ")
            file, _, case = report.nodeid.partition("::")
            name = f"{file.rsplit('/', 1)[-1]}: {case}".replace("#", "")
            terminalreporter.write_line(f"{word} {number} - {name}{reason}")


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    ran = [o for o in ("passed", "failed", "error") if reporter.stats.get(o)]
    if exitstatus == 0 and not ran:
        session.exitstatus = SKIP
