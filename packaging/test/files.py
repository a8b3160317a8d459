"""Reads the files for other systems' own managers with real parsers, and says what is wrong: the agent of launchd, the task of Windows'
Task Scheduler, and winget's manifest where it is named.

Usage: packaging/test/files.py [FOLDER_OF_WINGET_MANIFEST]
"""

import os
import plistlib
import re
import sys
import xml.etree.ElementTree as ElementTree

PACKAGING = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")

# Those of launchd.plist(5) that the agent has, and their types.
AGENT = {
    "Label": str,
    "ProgramArguments": [str],
    "EnvironmentVariables": {"*": str},
    "Sockets": {"*": {"SockPathName": str, "SockPathMode": int}},
    "KeepAlive": {"Crashed": bool},
    "ProcessType": str,
    "Umask": int,
    "ExitTimeOut": int,
    "StandardErrorPath": str,
}

TASK = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"

# Elements of a task, in the order in which the Task Scheduler writes them ([MS-TSCH] 2.5).
ELEMENTS = {
    "Task": ["RegistrationInfo", "Triggers", "Principals", "Settings", "Actions"],
    "RegistrationInfo": ["Description"],
    "Triggers": ["LogonTrigger"],
    "LogonTrigger": ["Repetition", "Enabled", "UserId"],
    "Repetition": ["Interval", "StopAtDurationEnd"],
    "Principals": ["Principal"],
    "Principal": ["UserId", "LogonType", "RunLevel"],
    "Settings": [
        "MultipleInstancesPolicy",
        "DisallowStartIfOnBatteries",
        "StopIfGoingOnBatteries",
        "AllowHardTerminate",
        "StartWhenAvailable",
        "RunOnlyIfNetworkAvailable",
        "AllowStartOnDemand",
        "Enabled",
        "Hidden",
        "RunOnlyIfIdle",
        "WakeToRun",
        "ExecutionTimeLimit",
        "Priority",
        "RestartOnFailure",
    ],
    "RestartOnFailure": ["Interval", "Count"],
    "Actions": ["Exec"],
    "Exec": ["Command", "Arguments"],
}


def expect(holds, what):
    if not holds:
        sys.exit(f"files.py: {what}")


def check_type(value, kind, at):
    if isinstance(kind, list):
        expect(isinstance(value, list) and value, f"{at} is no list with something in it")
        for item in value:
            check_type(item, kind[0], at)
    elif isinstance(kind, dict):
        expect(isinstance(value, dict), f"{at} is no dictionary")
        for name, item in value.items():
            known = kind.get(name, kind.get("*"))
            expect(known is not None, f"launchd knows no key {at}.{name}")
            check_type(item, known, f"{at}.{name}")
    else:
        expect(type(value) is kind, f"{at} is {type(value).__name__}, not {kind.__name__}")


def check_agent(path):
    with open(path, "rb") as file:
        agent = plistlib.load(file)
    check_type(agent, AGENT, "agent")
    expect(agent["Label"] + ".plist" == os.path.basename(path), "the file is not called as its label")
    expect(agent["ProgramArguments"][0].startswith("/"), "the program's path is not absolute")
    expect(agent["ProgramArguments"][1:] == ["serve", "--replace"], "the agent does not serve")
    (name,) = agent["Sockets"]
    activation = os.path.join(PACKAGING, "..", "gateway", "src", "os")
    texts = []
    for folder, _, files in os.walk(activation):
        for file in files:
            with open(os.path.join(folder, file), encoding="utf-8") as opened:
                texts.append(opened.read())
    expect(re.search(rf'LAUNCHD_SOCKET: &str = "{name}"', "".join(texts)), f"the gateway asks for another socket than {name}")
    socket = agent["Sockets"][name]
    expect(socket["SockPathMode"] == 0o600 and agent["Umask"] == 0o77, "the socket, or files, are not their user's alone")


def check_task(path):
    task = ElementTree.parse(path).getroot()

    def walk(element):
        name = element.tag.removeprefix(TASK)
        expect(element.tag != name, f"{name} is not in the task's namespace")
        children = [child.tag.removeprefix(TASK) for child in element]
        known = ELEMENTS.get(name)
        expect(known is not None or not children, f"{name} has elements: {children}")
        places = [known.index(child) if child in known else -1 for child in children]
        expect(-1 not in places, f"{name} has an unknown element: {children}")
        expect(places == sorted(set(places)), f"the elements of {name} are not in their order: {children}")
        for child in element:
            walk(child)

    walk(task)

    def text(path):
        return task.findtext("/".join(TASK + part for part in path.split("/")))

    expect(text("Principals/Principal/RunLevel") == "LeastPrivilege", "the task wants more rights than its user has")
    expect(text("Triggers/LogonTrigger/UserId") == text("Principals/Principal/UserId"), "it starts at another user's log-on")
    for duration in ["Settings/ExecutionTimeLimit", "Settings/RestartOnFailure/Interval"]:
        expect(re.fullmatch(r"PT\d+[SMH]", text(duration)), f"{duration} is no duration")
    expect(text("Actions/Exec/Command").endswith("snowgate-shim.exe"), "a program with a console window is run")


def manifest(path):
    """The few forms of YAML that the manifests have: scalars, and lists of mappings."""
    found, items = {}, None
    with open(path, encoding="utf-8") as file:
        for line in file:
            line = line.split(" #")[0].rstrip()
            if not line or line.startswith("#"):
                continue
            match = re.fullmatch(r"(?P<in>  (?:- |  )|)(?P<key>\w+):(?: (?P<value>.+))?|  - (?P<word>\S+)", line)
            expect(match, f"{os.path.basename(path)}: {line}")
            value = (match["value"] or "").strip('"')
            if match["word"]:
                items.append(match["word"])
            elif not match["in"]:
                items = []
                found[match["key"]] = value or items
            elif match["in"] == "  - ":
                items.append({match["key"]: value})
            else:
                items[-1][match["key"]] = value
    return found


def check_winget(folder):
    name = "Snowgate.Snowgate"
    version, installer, locale = (
        manifest(os.path.join(folder, f"{name}{end}.yaml")) for end in ["", ".installer", ".locale.en-US"]
    )
    for one, kind in [(version, "version"), (installer, "installer"), (locale, "defaultLocale")]:
        expect(one["ManifestType"] == kind and one["PackageIdentifier"] == name, f"{kind}: type or name")
        expect(one["PackageVersion"] == version["PackageVersion"], f"{kind}: another version")
        expect(one["ManifestVersion"] == version["ManifestVersion"], f"{kind}: another version of the form")
    expect(version["DefaultLocale"] == locale["PackageLocale"], "the default language has no file")
    for key in ["Publisher", "PackageName", "License", "ShortDescription"]:
        expect(locale.get(key), f"{key} is missing")
    expect(installer["InstallerType"] == "zip" and installer["NestedInstallerType"] == "portable", "no portable programs in a zip")
    nested = {item["RelativeFilePath"]: item["PortableCommandAlias"] for item in installer["NestedInstallerFiles"]}
    expect(nested == {"snowgate.exe": "snowgate", "snowgate-shim.exe": "snowgate-shim"}, f"programs: {nested}")
    (of_machine,) = installer["Installers"]
    expect(of_machine["Architecture"] == "x64", "another processor")
    expect(re.fullmatch(r"[0-9A-F]{64}", of_machine["InstallerSha256"]), "the checksum has not 64 upper-case digits")
    expect(of_machine["InstallerUrl"].startswith("https://"), "the archive is not fetched by HTTPS")


check_agent(os.path.join(PACKAGING, "launchd", "io.github.snowgate.plist"))
check_task(os.path.join(PACKAGING, "windows", "snowgate.task.xml"))
for named in sys.argv[1:]:
    check_winget(named)
