#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs tools/fetch-model against a web server on this machine that behaves like the hub, and like a bad one: it
drops connections, ignores ranges, serves wrong bytes, answers 404 and 503. Each case says what must be there
afterwards: the whole model under its final name, or nothing under it.

    check_fetch.py --program build/release/switch-gen

Needs no package beside Python's own. Exit code 0: all as expected."""

import argparse
import hashlib
import http.server
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "tests/fixtures/checkpoints/experts-64"
TEXT = "A <extra_id_0> walks into a bar."


class Hub(http.server.ThreadingHTTPServer):
    """Serves `repositories` ("ORG/NAME", revision) -> folder; `faults` says what goes wrong."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories = {}
        self.reset()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def reset(self, **faults):
        self.faults = faults
        self.counts = {}
        self.sent = 0
        self.requests = []

    def handle_error(self, request, client_address):
        """A client that was killed is no error of the server's."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def count(self, key):
        counts = self.server.counts
        counts[key] = counts.get(key, 0) + 1
        return counts[key]

    def end(self, code):
        body = b"no such thing" * 10
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def answer(self, with_body):
        faults = self.server.faults
        self.server.requests.append((self.command, self.path, self.headers.get("Range")))
        if faults.get("token") and self.headers.get("Authorization") != f"Bearer {faults['token']}":
            return self.end(401)
        parts = self.path.strip("/").split("/")
        if parts[0] == "blob":
            return self.send(pathlib.Path("/" + "/".join(parts[1:])), with_body)
        if len(parts) != 5 or parts[2] != "resolve":
            return self.end(404)
        folder = self.server.repositories.get(("/".join(parts[:2]), urllib.parse.unquote(parts[3])))
        name = parts[4]
        if folder is None or not (folder / name).is_file() or name in faults.get("missing", ()):
            return self.end(404)
        if with_body and self.count("503") <= faults.get("unavailable", 0):
            return self.end(503)
        path = folder / name
        if name.endswith((".safetensors", ".bin", ".model")) and not faults.get("plain"):
            # As the hub does for large files: the size and the sum, and where the bytes are.
            self.send_response(302)
            self.send_header("Location", f"{self.server.url}/blob{path}")
            self.send_header("X-Linked-Size", str(path.stat().st_size))
            self.send_header("X-Linked-Etag", f'"{hashlib.sha256(path.read_bytes()).hexdigest()}"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        return self.send(path, with_body)

    def send(self, path, with_body):
        faults = self.server.faults
        data = path.read_bytes()
        begin = 0
        wanted = self.headers.get("Range")
        if wanted and not faults.get("ignore_ranges"):
            begin = int(wanted.removeprefix("bytes=").split("-")[0])
            if begin >= len(data):
                self.send_response(416)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
        if path.suffix == ".safetensors" and with_body and self.count("wrong") <= faults.get("wrong", 0):
            data = data[:-1] + bytes([data[-1] ^ 1])
        body = data[begin:]
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not with_body:
            return
        limit = len(body)
        if len(body) > 1000 and self.count("drop") <= faults.get("drop", 0):
            limit = max(len(body) // 3, 1)
        for at in range(0, limit, 8192):
            chunk = body[at : min(at + 8192, limit)]
            self.wfile.write(chunk)
            self.server.sent += len(chunk)
            time.sleep(faults.get("slow", 0))
        if limit < len(body):
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(2)


class Cases:
    def __init__(self, program):
        self.program = program
        self.hub = Hub()
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="check-fetch-"))
        self.passed = 0
        self.failed = 0
        self.hub.repositories[("google/switch-base-64", "refs/pr/6")] = MODEL
        self.environment = {
            **os.environ,
            "HF_ENDPOINT": self.hub.url,
            "SWITCH_GEN": str(program),
            "SWITCH_GEN_FETCH_PAUSE": "0",
            "XDG_DATA_HOME": str(self.work / "data"),
            "HF_HUB_CACHE": str(self.work / "no-cache"),
            "no_proxy": "127.0.0.1",
        }
        for name in ("HF_TOKEN", "SWITCH_GEN_MODEL_PATH", "SWITCH_GEN_MODEL"):
            self.environment.pop(name, None)
        self.target = self.work / "data/switch-gen/models/switch-base-64"

    def fetch(self, *arguments, **environment):
        return subprocess.run(
            [ROOT / "tools/fetch-model", *arguments],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def begin(self, **faults):
        shutil.rmtree(self.work / "data", ignore_errors=True)
        self.hub.reset(**faults)

    def check(self, name, good, result=None):
        if good:
            self.passed += 1
            return
        self.failed += 1
        print(f"FAILED {name}")
        if result is not None:
            print(f"exit {result.returncode}\n{result.stdout}{result.stderr}")

    def is_whole(self, optional=()):
        """The target is what was published, byte for byte, and nothing else."""
        wanted = {path.name for path in MODEL.iterdir() if path.suffix != ".jsonl"} - set(optional)
        found = {path.name for path in self.target.iterdir()} if self.target.is_dir() else set()
        return (
            found == wanted
            and all((self.target / name).read_bytes() == (MODEL / name).read_bytes() for name in wanted)
            and not self.target.with_name("switch-base-64.part").exists()
        )

    def expect_whole(self, name, result, optional=()):
        self.check(name, result.returncode == 0 and self.is_whole(optional), result)

    def expect_nothing(self, name, result, message):
        self.check(name, result.returncode == 1 and not self.target.exists() and message in result.stderr, result)

    # ---- the cases ----

    def plain(self):
        for name, faults in (("as the hub", {}), ("without linked headers", {"plain": True})):
            self.begin(**faults)
            self.expect_whole(name, self.fetch("switch-base-64"))
        paths = [path for _, path, _ in self.hub.requests]
        self.check("the revision is one part of the path", any("/resolve/refs%2Fpr%2F6/" in path for path in paths))
        result = self.fetch("google/switch-base-64")
        self.check("again: there already", result.returncode == 0 and "is there already" in result.stderr, result)

    def runs(self):
        self.begin()
        self.fetch("switch-base-64")
        outputs = []
        for model in ("switch-base-64", "google/switch-base-64", str(MODEL)):
            outputs.append(
                subprocess.run(
                    [self.program, "--model", model, "--format", "jsonl", "--num-beams", "4", TEXT],
                    env=self.environment,
                    capture_output=True,
                    text=True,
                    check=False,
                )
            )
        same = all(output.returncode == 0 and output.stdout == outputs[0].stdout for output in outputs)
        self.check("the fetched model runs by its name and gives what the folder gives", same, outputs[0])

    def broken_connections(self):
        whole = sum(path.stat().st_size for path in MODEL.iterdir() if path.suffix != ".jsonl")
        self.begin(drop=4)
        result = self.fetch("switch-base-64")
        self.expect_whole("dropped connections are continued", result)
        self.check("what had come was not sent again", self.hub.sent < whole + 20000, result)
        self.check("ranges were asked for", any(wanted for _, _, wanted in self.hub.requests))
        self.begin(drop=3, ignore_ranges=True)
        self.expect_whole("a server that ignores ranges", self.fetch("switch-base-64"))
        self.begin(drop=10**9)
        result = self.fetch("switch-base-64")
        self.expect_nothing("a server that always drops", result, "not fetched after 5 tries")
        self.hub.reset()
        self.expect_whole("the next run continues", self.fetch("switch-base-64"))

    def wrong_bytes(self):
        self.begin(wrong=2)
        self.expect_whole("wrong bytes twice", self.fetch("switch-base-64"))
        self.begin(wrong=10**9)
        self.expect_nothing("wrong bytes always", self.fetch("switch-base-64"), "found the SHA-256")
        self.begin(wrong=1, drop=1)
        self.expect_whole("wrong bytes in a broken download", self.fetch("switch-base-64"))

    def refusals(self):
        self.begin(missing=("tokenizer_config.json",))
        self.expect_whole("an optional file is missing", self.fetch("switch-base-64"), ("tokenizer_config.json",))
        self.begin(missing=("spiece.model",))
        self.expect_nothing("a needed file is missing", self.fetch("switch-base-64"), "has no spiece.model")
        self.begin(missing=("model-00002-of-00003.safetensors",))
        self.expect_nothing("a shard is missing", self.fetch("switch-base-64"), "the server has none")
        self.begin(missing=("model.safetensors.index.json",))
        self.expect_nothing("the index is missing", self.fetch("switch-base-64"), "has no model.safetensors.index.json")
        self.begin(unavailable=3)
        self.expect_whole("503 three times", self.fetch("switch-base-64"))
        self.begin(unavailable=10**9)
        self.expect_nothing("503 always", self.fetch("switch-base-64"), "the server answers 503")
        self.begin(token="secret")
        self.expect_nothing("a token is needed", self.fetch("switch-base-64"), "HF_TOKEN")
        self.begin(token="secret")
        self.expect_whole("a token is sent", self.fetch("switch-base-64", HF_TOKEN="secret"))
        result = self.fetch("switch-base-65")
        self.check("an unknown name", result.returncode == 1 and "is no known model" in result.stderr, result)
        for arguments in ((), ("",), ("a", "b", "c"), ("--revision",), ("--frobnicate", "x")):
            result = self.fetch(*arguments)
            self.check(f"usage {arguments}", result.returncode == 2, result)
        self.begin()
        result = self.fetch("switch-base-64", HF_ENDPOINT="http://127.0.0.1:9")
        self.expect_nothing("no server", result, "not fetched after 5 tries")

    def hostile_index(self):
        for bad in ("../evil.safetensors", "/tmp/evil.safetensors", ".hidden.safetensors", "a b.safetensors"):
            folder = self.work / "hostile"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(MODEL, folder)
            (folder / "model.safetensors.index.json").write_text(f'{{"weight_map":{{"a":"{bad}"}}}}')
            self.begin()
            self.hub.repositories[("google/switch-base-64", "refs/pr/6")] = folder
            self.expect_nothing(f"an index that names {bad}", self.fetch("switch-base-64"), "expected a plain name")
        self.hub.repositories[("google/switch-base-64", "refs/pr/6")] = MODEL

    def changed_file(self):
        """A published size is known and the server has another: told, not fetched."""
        folder = self.work / "t5"
        shutil.copytree(ROOT / "tests/fixtures/checkpoints/full-vocabulary", folder)
        self.hub.repositories[("google-t5/t5-small", "main")] = folder
        self.begin()
        result = self.fetch("t5-small")
        good = result.returncode == 1 and "the manifest says 242043056" in result.stderr
        self.check("another size than the manifest's", good, result)

    def pickle(self):
        folder = self.work / "pickle"
        shutil.copytree(MODEL, folder)
        for path in folder.glob("model*"):
            path.unlink()
        (folder / "pytorch_model.bin").write_bytes(b"x" * 5000)
        self.hub.repositories[("google/switch-base-8", "main")] = folder
        self.hub.repositories[("google/flan-t5-base", "main")] = folder
        self.begin()
        result = self.fetch("--revision", "main", "switch-base-8", str(self.work / "data/eight"))
        good = (self.work / "data/eight/pytorch_model.bin").is_file() and "switch-gen convert" in result.stderr
        self.check("a pickle revision, into a named folder", result.returncode == 0 and good, result)
        result = self.fetch("flan-t5-base")
        good = (self.work / "data/switch-gen/models/flan-t5-base-pickle/pytorch_model.bin").is_file()
        good = good and "flan-t5-base-pickle " in result.stderr
        self.check("weights of unknown form are looked for", result.returncode == 0 and good, result)
        result = self.fetch("flan-t5-base")
        self.check("again: pickle is there", result.returncode == 0 and "is there already" in result.stderr, result)
        result = self.fetch("--revision", "v9", "switch-base-8")
        self.check("a revision that is nowhere", result.returncode == 1 and "has no config.json" in result.stderr, result)

    def killed(self):
        """Killed in the middle of a file: nothing under the final name; the next run continues that file."""
        self.begin(slow=0.1)
        for limit in (1000, 40000, 90000, 120000):
            process = subprocess.Popen(
                [ROOT / "tools/fetch-model", "switch-base-64"],
                env=self.environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            while self.hub.sent < limit and process.poll() is None:
                time.sleep(0.02)
            self.check(f"still running after {limit} bytes", process.poll() is None)
            os.killpg(process.pid, 9)
            process.wait()
            self.check(f"killed after {limit} bytes", not self.target.exists())
        self.check("what was sent is kept", any(wanted for _, _, wanted in self.hub.requests))
        self.hub.reset()
        self.expect_whole("the run after those killed", self.fetch("switch-base-64"))

    def run(self):
        for case in (
            self.plain,
            self.runs,
            self.broken_connections,
            self.wrong_bytes,
            self.refusals,
            self.hostile_index,
            self.changed_file,
            self.pickle,
            self.killed,
        ):
            case()
        shutil.rmtree(self.work)
        print(f"{self.passed} passed, {self.failed} failed")
        return 0 if self.failed == 0 and self.passed > 0 else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/switch-gen")
    arguments = parser.parse_args()
    return Cases(arguments.program.resolve()).run()


if __name__ == "__main__":
    sys.exit(main())
