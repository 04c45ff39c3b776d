"""The names of the matrix, and what of it cannot be asked or said."""
import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent

PROVIDERS = ('openai', 'openai_responses', 'anthropic', 'gemini', 'bedrock', 'oci')
FEATURES = ('plain', 'stream', 'tools', 'parallel tools', 'images', 'JSON schema', 'thinking', 'errors', 'disconnect')
CLIENTS = {  # client: its dialect
    'openai-python chat': 'openai', 'openai-python responses': 'openai_responses', 'openai-node chat': 'openai',
    'openai-node responses': 'openai_responses', 'anthropic-python': 'anthropic', 'anthropic-node': 'anthropic',
    'langchain-openai': 'openai', 'langchain-anthropic': 'anthropic', 'instructor openai': 'openai',
    'instructor anthropic': 'anthropic'}

# What a client has no way to ask for; its cell is empty.
NOT_OFFERED = {
    'instructor openai': ('plain', 'stream', 'tools', 'parallel tools', 'images', 'thinking', 'disconnect'),
    'instructor anthropic': ('plain', 'stream', 'tools', 'parallel tools', 'images', 'thinking', 'disconnect')}

# (dialect in, dialect out, feature): why that cannot be said there. The gateway must refuse it or warn of it.
NOT_EXPRESSIBLE = {}


def versions():
    """The pinned packages, Python's and Node's."""
    python = [line for line in (HERE.parent / 'requirements.txt').read_text().splitlines() if '==' in line]
    node = json.loads((HERE / 'node' / 'package.json').read_text())['dependencies']
    return [f'Python: {", ".join(line.replace("==", " ") for line in python if not line.startswith("pytest"))}',
            f'Node: {", ".join(f"{name} {version}" for name, version in node.items())}']
