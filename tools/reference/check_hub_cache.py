#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs switch-gen on models in a Hugging Face cache that huggingface_hub itself has filled, from a small server
on this machine that speaks the hub's protocol. Each case: which snapshot must be found (the output must be that of
the folder it was published from), or which message.

    check_hub_cache.py --program build/release/switch-gen

Exit code 0: all as expected."""

import argparse
import hashlib
import http.server
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHECKPOINTS = ROOT / "tests/fixtures/checkpoints"
TEXT = "A <extra_id_0> walks into a bar."
COMMITS = {"one": "1" * 40, "two": "2" * 40, "pickle": "3" * 40}


class Handler(http.server.BaseHTTPRequestHandler):
    """The two answers that snapshot_download needs: what a revision holds, and its files."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def reply(self, code, body, **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def find(self, repository, revision):
        """(commit, folder) of a revision, which may be a commit."""
        for (name, ref), (commit, folder) in self.server.published.items():
            if name == repository and revision in (ref, commit):
                return commit, folder
        return None, None

    def answer(self):
        parts = [urllib.parse.unquote(part) for part in urllib.parse.urlsplit(self.path).path.strip("/").split("/")]
        if parts[:2] == ["api", "models"] and len(parts) >= 4:
            repository = "/".join(parts[2:4])
            revision = parts[5] if len(parts) > 5 else "main"
            commit, folder = self.find(repository, revision)
            if commit is None:
                return self.reply(404, b"{}", X_Error_Code="RevisionNotFound")
            files = sorted(path.name for path in folder.iterdir() if path.suffix != ".jsonl")
            if parts[4] == "tree":
                body = [
                    {"type": "file", "path": name, "size": (folder / name).stat().st_size, "oid": "0" * 40}
                    for name in files
                ]
            else:
                body = {
                    "id": repository,
                    "modelId": repository,
                    "sha": commit,
                    "private": False,
                    "siblings": [{"rfilename": name} for name in files],
                }
            return self.reply(200, json.dumps(body).encode(), Content_Type="application/json")
        if len(parts) == 5 and parts[2] == "resolve":
            commit, folder = self.find("/".join(parts[:2]), parts[3])
            if commit is not None and (folder / parts[4]).is_file():
                data = (folder / parts[4]).read_bytes()
                tag = hashlib.sha256(data).hexdigest()
                return self.reply(200, data, ETag=f'"{tag}"', X_Repo_Commit=commit)
        return self.reply(404, b"", X_Error_Code="EntryNotFound")


class Cases:
    def __init__(self, program):
        self.program = program
        self.passed = 0
        self.failed = 0
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="check-hub-"))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.published = {}
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        pickle = self.work / "published-pickle"
        shutil.copytree(CHECKPOINTS / "experts-64", pickle)
        for path in pickle.glob("model*"):
            path.unlink()
        (pickle / "pytorch_model.bin").write_bytes(b"x" * 100)
        self.folders = {"one": CHECKPOINTS / "experts-64", "two": CHECKPOINTS / "every-second", "pickle": pickle}
        # The client reads its variables when it is imported.
        os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{self.server.server_address[1]}"
        os.environ["HF_HOME"] = str(self.work / "home")
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
        os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
        os.environ["HF_HUB_DISABLE_XET"] = "1"
        os.environ["no_proxy"] = "127.0.0.1"
        for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN", "HUGGINGFACE_HUB_CACHE"):
            os.environ.pop(name, None)
        import huggingface_hub

        self.hub = huggingface_hub

    def publish(self, repository, revision, what):
        entry = (COMMITS[what], self.folders[what])
        self.server.published[(repository, revision)] = entry

    def download(self, cache, repository, revision=None, **options):
        return pathlib.Path(self.hub.snapshot_download(repository, revision=revision, cache_dir=cache, **options))

    def run(self, model, *options, cache, command=(), **environment):
        return subprocess.run(
            [self.program, *command, "--model", model, *options, TEXT],
            env={**os.environ, "HF_HUB_CACHE": str(cache), "XDG_DATA_HOME": str(self.work / "data"), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def check(self, name, good, result=None):
        if good:
            self.passed += 1
            return
        self.failed += 1
        print(f"FAILED {name}")
        if result is not None:
            print(f"exit {result.returncode}\n{result.stdout}{result.stderr}")

    def expect(self, name, result, what, warning=""):
        """The output of the folder that was published as `what`."""
        expected = self.run(str(self.folders[what]), cache=self.work / "none")
        good = result.returncode == 0 and result.stdout == expected.stdout and expected.returncode == 0
        good = good and (warning in result.stderr if warning else "warning" not in result.stderr)
        self.check(name, good, result)

    def refuse(self, name, result, message):
        self.check(name, result.returncode == 3 and message in result.stderr and result.stdout == "", result)

    # ---- the cases ----

    def names_and_revisions(self):
        cache = self.work / "one"
        self.publish("google/xyz", "main", "one")
        self.publish("google/xyz", "v2", "two")
        self.publish("google/xyz", "refs/pr/6", "two")
        self.download(cache, "google/xyz")
        self.expect("by its repository", self.run("google/xyz", cache=cache), "one")
        self.expect("by its bare name", self.run("xyz", cache=cache), "one")
        self.refuse("a revision not downloaded", self.run("xyz", "--revision", "v2", cache=cache), "found main")
        self.download(cache, "google/xyz", "refs/pr/6")
        self.expect("two revisions: main", self.run("xyz", cache=cache), "one")
        self.expect("two revisions: a ref", self.run("xyz", "--revision", "refs/pr/6", cache=cache), "two")
        for what in ("one", "two"):
            self.expect("a commit", self.run("xyz", "--revision", COMMITS[what], cache=cache), what)
        self.expect("HF_HUB_CACHE before HF_HOME", self.run("xyz", cache=cache, HF_HOME="/nowhere"), "one")
        home = self.work / "home-of-hub"
        shutil.copytree(cache, home / "hub", symlinks=True)
        self.expect("HF_HOME", self.run("xyz", cache="", HF_HOME=str(home)), "one")

    def main_moves(self):
        """main is published anew: the ref's commit counts, both snapshots lie there."""
        cache = self.work / "moves"
        for what in ("one", "two"):
            self.publish("google/moving", "main", what)
            self.download(cache, "google/moving")
        self.expect("main has moved", self.run("moving", cache=cache), "two")
        self.expect("the old commit", self.run("moving", "--revision", COMMITS["one"], cache=cache), "one")

    def known_revisions(self):
        self.publish("google/switch-base-64", "main", "pickle")
        self.publish("google/switch-base-64", "refs/pr/6", "one")
        cache = self.work / "known"
        self.download(cache, "google/switch-base-64")
        result = self.run("switch-base-64", cache=cache)
        self.refuse("only pickle", result, "switch-gen convert")
        self.check("the target of convert", f"{self.work}/data/switch-gen/models/switch-base-64" in result.stderr, result)
        result = self.run("switch-base-64", cache=cache, command=("tokenize",))
        self.check("only pickle: tokenize", result.returncode == 0, result)
        self.download(cache, "google/switch-base-64", "refs/pr/6")
        self.expect("a known revision", self.run("switch-base-64", cache=cache), "one", "revision refs/pr/6 is used")
        cache = self.work / "known-only"
        self.download(cache, "google/switch-base-64", "refs/pr/6")
        self.expect("without main", self.run("switch-base-64", cache=cache), "one", "main is not in the cache")

    def damage(self):
        cache = self.work / "damage"
        self.publish("google/xyz", "main", "one")
        snapshot = self.download(cache, "google/xyz")
        shard = snapshot / "model-00002-of-00003.safetensors"
        blob = shard.resolve()
        data = blob.read_bytes()
        blob.write_bytes(data[:-100])
        self.refuse("a blob is truncated", self.run("xyz", cache=cache), "model-00002-of-00003.safetensors")
        blob.unlink()
        self.refuse("a blob is gone", self.run("xyz", cache=cache), "the link leads to nothing")
        blob.write_bytes(data)
        self.expect("a blob is back", self.run("xyz", cache=cache), "one")
        shard.unlink()
        self.refuse("a link is gone", self.run("xyz", cache=cache), "model-00002-of-00003.safetensors")
        cache = self.work / "partly"
        self.download(cache, "google/xyz", allow_patterns=["*.json", "*.model"])
        self.refuse("without the weights", self.run("xyz", cache=cache), "model-00001-of-00003.safetensors")
        cache = self.work / "no-snapshot"
        snapshot = self.download(cache, "google/xyz")
        shutil.rmtree(snapshot)
        self.refuse("the snapshot is gone", self.run("xyz", cache=cache), "whose snapshot is missing")
        (snapshot.parents[1] / "refs/main").unlink()
        self.refuse("the ref is gone too", self.run("xyz", cache=cache), 'revision "main" is not in the cache')
        self.refuse("nothing there", self.run("xyz", cache=self.work / "empty"), 'model "xyz" was not found')

    def read_only(self):
        cache = self.work / "read-only"
        self.publish("google/xyz", "main", "one")
        self.download(cache, "google/xyz")
        for path in cache.rglob("*"):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
        cache.chmod(0o555)
        before = sorted((str(path), path.lstat().st_mtime_ns, path.lstat().st_ctime_ns) for path in cache.rglob("*"))
        self.expect("a read-only cache", self.run("xyz", cache=cache), "one")
        after = sorted((str(path), path.lstat().st_mtime_ns, path.lstat().st_ctime_ns) for path in cache.rglob("*"))
        self.check("nothing in it has changed", before == after)
        for path in [cache, *cache.rglob("*")]:
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)

    def run_all(self):
        for case in (self.names_and_revisions, self.main_moves, self.known_revisions, self.damage, self.read_only):
            case()
        shutil.rmtree(self.work)
        print(f"huggingface_hub {self.hub.__version__}: {self.passed} passed, {self.failed} failed")
        return 0 if self.failed == 0 and self.passed > 0 else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/switch-gen")
    arguments = parser.parse_args()
    return Cases(arguments.program.resolve()).run_all()


if __name__ == "__main__":
    sys.exit(main())
