"""What the programs that read the files of deploy/ make of them.

    python deploy_files.py DEPLOY [PROGRAM=PATH…]

prints `ok NAME`, `FAILED NAME: why` or `skipped NAME: why` for each file, and exits with 1 if one
failed. Manifests are compared with the schemas of Kubernetes, strictly: a field that nobody knows is
a mistake. nginx, haproxy, promtool and systemd-analyze read their own files.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml

KUBERNETES = "1.31"
FAILED = []


def report(name, why):
    """One line for one file: nothing is wrong, or this is."""
    if why is None:
        print(f"ok {name}")
    else:
        FAILED.append(name)
        print(f"FAILED {name}: {' '.join(str(why).split())}")


def manifest(path):
    documents = list(yaml.safe_load_all(path.read_text()))
    if not documents:
        return "it is empty"
    for document in documents:
        try:
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            return f"{error.path}: {error.message}"
    return None


def compose(path):
    """No schema of it is at hand: that what it names is there."""
    file = yaml.safe_load(path.read_text())
    services = file["services"]
    for name, service in services.items():
        if ("image" in service) == ("build" in service):
            return f"{name}: an image or a build"
        for other in service.get("depends_on", []):
            if other not in services:
                return f"{name}: there is no service {other}"
        for network in service.get("networks", []):
            if network not in file["networks"]:
                return f"{name}: there is no network {network}"
        mounted = [volume.split(":")[0] for volume in service.get("volumes", [])]
        build = service.get("build")
        if build:
            mounted.append(f"{build['context']}/{build['dockerfile']}")
        for source in mounted:
            if not (path.parent / source).is_file():
                return f"{name}: there is no file {source}"
    return None


def read_by(program, arguments, path):
    """What a program says of a file, if it does not like it."""
    done = subprocess.run([program, *arguments, path], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else done.stderr or done.stdout


def unit(program, folder):
    """The units, as if what they start were there: it is not on the machine of who checks."""
    with tempfile.TemporaryDirectory() as scratch:
        copies = pathlib.Path(scratch)
        for source in folder.iterdir():
            text = source.read_text().replace("/usr/local/bin/orders", shutil.which("true"))
            (copies / source.name).write_text(text)
        verify = [program, "verify", "--man=no", str(copies / "orders.service")]
        done = subprocess.run(verify, capture_output=True, text=True, check=False)
        # What it does not understand it ignores, and says so.
        ours = [line for line in done.stderr.splitlines() if "orders." in line]
        return "; ".join(ours) or (done.stderr if done.returncode else None)


def main():
    deploy = pathlib.Path(sys.argv[1])
    programs = dict(argument.split("=", 1) for argument in sys.argv[2:])
    for path in sorted((deploy / "k8s").glob("*.yaml")):
        report(f"k8s/{path.name}", manifest(path))
    report("compose.yaml", compose(deploy / "compose.yaml"))
    report("grafana", None if yaml.safe_load((deploy / "grafana/datasource.yaml").read_text()) else "empty")
    for name, arguments, file in [
        ("nginx", ["-t", "-c"], "nginx/nginx.conf"),
        ("haproxy", ["-c", "-f"], "haproxy/haproxy.cfg"),
        ("promtool", ["check", "config"], "prometheus/prometheus.yml"),
    ]:
        report(name, read_by(programs[name], arguments, str((deploy / file).resolve())))
    if "systemd-analyze" in programs:
        report("systemd", unit(programs["systemd-analyze"], deploy / "systemd"))
    else:
        print("skipped systemd: this machine has none")
    sys.exit(1 if FAILED else 0)


main()
