"""For every pytest suite here: one TAP line per case, which ./check counts, and
exit status 77 (skipped) when no case could run at all."""

SKIP = 77
number = 0


def pytest_report_teststatus(report):
    """No dots: the lines below tell the progress."""
    if report.when == "call" or not report.passed:
        return report.outcome, "", ""
    return None


def pytest_runtest_logreport(report):
    global number
    if report.when != "call" and report.passed:
        return
    number += 1
    file, _, case = report.nodeid.partition("::")
    name = f"{file.rsplit('/', 1)[-1]}: {case}".replace("#", "")
    reason = ""
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = " # SKIP " + report.longrepr[2].removeprefix("Skipped: ")
    print(f"{'not ok' if report.failed else 'ok'} {number} - {name}{reason}", flush=True)


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    ran = [o for o in ("passed", "failed", "error") if reporter.stats.get(o)]
    if exitstatus == 0 and not ran:
        session.exitstatus = SKIP
