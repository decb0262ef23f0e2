"""The test request in the forms that developers paste. PURE."""

from dataclasses import dataclass

PATH = "/map/1/tile/basic/main/0/0/0.png"
PLACEHOLDER = "YOUR_API_KEY"


@dataclass(frozen=True, slots=True)
class Snippets:
    """The same request in four forms, with a placeholder for the key; `referer` is named where the key has domains."""

    url: str
    curl: str
    javascript: str
    python: str
    referer: str


def test_requests(gateway_url: str, allowed_domains: list[str]) -> Snippets:
    """Return the request for one map tile with the whole world."""
    url = f"{gateway_url}{PATH}?view=Unified&key={PLACEHOLDER}"
    referer = f"https://{allowed_domains[0].replace('*.', 'www.')}/" if allowed_domains else ""
    curl_header = f'  -H "Referer: {referer}" \\\n' if referer else ""
    python_header = f'    headers={{"Referer": "{referer}"}},\n' if referer else ""
    return Snippets(
        url=url,
        curl=f'curl --output world.png \\\n{curl_header}  "{url}"',
        javascript=(
            f'const url = new URL("{PATH}", "{gateway_url}");\n'
            f'url.search = new URLSearchParams({{ view: "Unified", key: "{PLACEHOLDER}" }});\n'
            "const response = await fetch(url);\n"
            "const tile = await response.blob();"
        ),
        python=(
            "import requests\n\nresponse = requests.get(\n"
            f'    "{gateway_url}{PATH}",\n'
            f'    params={{"view": "Unified", "key": "{PLACEHOLDER}"}},\n{python_header}'
            ')\nresponse.raise_for_status()\nopen("world.png", "wb").write(response.content)'
        ),
        referer=referer,
    )
