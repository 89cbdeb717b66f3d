# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import fields
from pathlib import Path

import pytest

from metrics_proxy.config import SETTINGS, Config, ConfigError, Setting, load

SELECTOR = {"POD_LABEL_SELECTOR": "app=web"}


def test_the_selector_is_enough() -> None:
    config = load({}, SELECTOR)
    assert config.pod_label_selector.text == "app=web"
    assert (config.scrape_timeout, config.port, config.host) == (9.0, 15090, "")
    assert (config.namespaces, config.max_body_size) == ((), 64 * 2**20)


def test_the_defaults_shown_are_the_defaults_used() -> None:
    shown = {
        setting.name: setting.parse(setting.default) for setting in SETTINGS if setting.default
    }
    used = load({}, SELECTOR)
    assert shown == {name: getattr(used, name) for name in shown}
    assert [setting.name for setting in SETTINGS] == [field.name for field in fields(Config)]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_example_is_right(setting: Setting) -> None:
    if setting.name == "scrape_ca_file":
        assert Path(setting.example).is_absolute()
    else:
        assert setting.parse(setting.example) is not None


def test_every_setting_from_the_environment() -> None:
    config = load(
        {},
        SELECTOR
        | {
            "SCRAPE_TIMEOUT": "15s",
            "PORT": "8080",
            "HOST": "::1",
            "NAMESPACES": " shop, istio-system ,shop",
            "MAX_BODY_SIZE": "1MiB",
            "SCRAPE_INSECURE_SKIP_VERIFY": "TRUE",
            "LOG_LEVEL": "DEBUG",
            "LOG_FORMAT": "json",
        },
    )
    assert (config.scrape_timeout, config.port, config.host) == (15.0, 8080, "::1")
    assert config.namespaces == ("shop", "istio-system")
    assert (config.max_body_size, config.scrape_insecure_skip_verify) == (2**20, True)
    assert (config.log_level, config.log_format) == ("debug", "json")


def test_a_flag_wins_over_its_variable() -> None:
    assert load({"port": "1"}, SELECTOR | {"PORT": "2"}).port == 1


def test_an_empty_text_leaves_the_default() -> None:
    config = load({"host": ""}, SELECTOR | {"PORT": "", "NAMESPACES": " ", "HOST": "::1"})
    assert (config.port, config.namespaces, config.host) == (15090, (), "")


def test_all_faults_at_once_each_with_name_value_and_a_right_example() -> None:
    with pytest.raises(ConfigError) as caught:
        load(
            {"port": "99999"},
            {"SCRAPE_TIMEOUT": "9", "NAMESPACES": "ok,No_Good", "LOG_LEVEL": "loud"},
        )
    assert caught.value.faults == (
        "POD_LABEL_SELECTOR (or --pod-label-selector) is required; "
        "for example POD_LABEL_SELECTOR=app=ztunnel",
        'SCRAPE_TIMEOUT="9" is not a duration; for example SCRAPE_TIMEOUT=9s',
        '--port "99999" is not a port number from 1 to 65535 (0 lets the system choose); '
        "for example --port 15090",
        'NAMESPACES="ok,No_Good" names "No_Good", which is no namespace: at most 63 of a-z, 0-9 '
        'and "-", beginning and ending with a letter or digit; '
        "for example NAMESPACES=shop,istio-system",
        'LOG_LEVEL="loud" is none of debug, info, warning, error; for example LOG_LEVEL=info',
    )
    assert str(caught.value).count("\n") == 5


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("POD_LABEL_SELECTOR", "a in x", 'is not a label selector: found "x" after "a in"'),
        ("HOST", "not a host", "is neither an IP address nor a host name"),
        ("PORT", "http", "is not a port number"),
        ("MAX_BODY_SIZE", "big", "is not a size"),
        ("SCRAPE_INSECURE_SKIP_VERIFY", "maybe", "is neither true nor false"),
        ("SCRAPE_CA_FILE", "/nowhere/ca.pem", "cannot be read: No such file or directory"),
        ("LOG_FORMAT", "xml", "is none of logfmt, json"),
        ("NAMESPACES", ",", "names no namespace"),
        ("SCRAPE_TIMEOUT", f"{10**12}h", "is longer than a Go duration can be"),
        ("SCRAPE_TIMEOUT", "0s", "must be more than zero"),
    ],
)
def test_one_fault(variable: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({}, SELECTOR | {variable: text})
    (fault,) = caught.value.faults
    assert fault.startswith(f'{variable}="{text}" {message}')


def test_a_ca_file_without_a_certificate(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("nothing here")
    with pytest.raises(ConfigError, match="holds no certificate in PEM form"):
        load({"scrape_ca_file": str(empty)}, SELECTOR)
