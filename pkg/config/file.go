package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	defaultFile = "faultwire.yaml"
	fileEnv     = envPrefix + "CONFIG"
	mostFile    = 1 << 20 // bytes; a settings file is a few KB
)

// readFile finds and reads the settings file: the one of the flag, else of
// FAULTWIRE_CONFIG, else ./faultwire.yaml if it exists.
func readFile(o Options) (layer, Faults) {
	path, origin := o.File, "--config"
	if path == "" {
		path, origin = o.getenv(fileEnv), fileEnv
	}
	optional := path == ""
	if optional {
		path, origin = defaultFile, ""
	}
	data, err := readAtMost(o.in(path), mostFile)
	switch {
	case optional && errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, Faults{{Origin: origin, Message: fmt.Sprintf("settings file %s: %s; name one that exists and can be read, or none", name(path), reason(err)), Err: err}}
	}
	return parseYAML(path, data)
}

func readAtMost(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("larger than %s", Bytes(most))
	}
	return data, err
}

// reason is the cause without operation and path, which the caller names.
func reason(err error) string {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}

// parseYAML reads sections of scalars and lists. It works on nodes, not on values, because
// a fault needs the line, a repeated key is a fault, and a password such as 0123
// must stay the text it is.
func parseYAML(path string, data []byte) (layer, Faults) {
	p := &yamlFile{path: path, data: data, values: layer{}, known: map[string]field{}}
	for _, f := range fields() {
		p.known[f.path] = f
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var root, more yaml.Node
	if err := decoder.Decode(&root); err != nil {
		if !errors.Is(err, io.EOF) {
			p.syntax(err)
		}
		return p.values, p.faults
	}
	p.document(&root)
	if err := decoder.Decode(&more); err == nil {
		p.fault(&more, "", "a second document begins here: keep one, without ---")
	} else if !errors.Is(err, io.EOF) {
		p.syntax(err)
	}
	return p.values, p.faults
}

type yamlFile struct {
	path   string
	data   []byte
	known  map[string]field
	values layer
	faults Faults
}

func (p *yamlFile) origin(n *yaml.Node) string {
	return fmt.Sprintf("%s:%d", shownPath(p.path), n.Line)
}

func (p *yamlFile) fault(n *yaml.Node, path, format string, args ...any) {
	p.faults = append(p.faults, Fault{Origin: p.origin(n), Path: path, Message: fmt.Sprintf(format, args...)})
}

// syntax reports what the YAML library says, save for the messages that quote
// the file: what they quote may be a secret.
func (p *yamlFile) syntax(err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if strings.HasPrefix(text, "line ") {
		_, text, _ = strings.Cut(text, ": ")
	}
	origin := shownPath(p.path)
	if line := badLine(p.data); line > 0 {
		origin = fmt.Sprintf("%s:%d", origin, line)
	}
	hint := "check indentation, colons and quotes near this line"
	switch {
	case strings.Contains(text, "unknown anchor"):
		text, hint = "an unknown anchor is referred to", "put a value that begins with * in single quotes"
	case strings.Contains(text, "cannot start any token"):
		hint = "put a value that begins with @, %, ` or a tab in single quotes"
	case strings.Contains(text, "mapping values are not allowed"):
		hint = "put a value that holds a colon and a blank in single quotes"
	}
	p.faults = append(p.faults, Fault{Origin: origin, Message: fmt.Sprintf("not valid YAML: %s; %s", text, hint)})
}

// badLine returns the line after the longest beginning of the file that is valid,
// or 0. The library's own line is that of the construct around the error, and for
// some errors one too low.
func badLine(data []byte) int {
	lines := bytes.SplitAfter(data, []byte("\n"))
	if len(lines) > mostLines {
		return 0
	}
	end := len(data)
	for n, line := range slices.Backward(lines) {
		end -= len(line)
		if isYAML(data[:end]) {
			return n + 1
		}
	}
	return 0
}

const mostLines = 1000

func isYAML(data []byte) bool {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		if err := decoder.Decode(&n); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

func (p *yamlFile) document(doc *yaml.Node) {
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
		return
	}
	root := resolve(doc.Content[0])
	switch {
	case isNull(root):
	case root.Kind != yaml.MappingNode:
		p.fault(root, "", "found %s: wanted sections such as analyzer: with their settings indented below", kindOf(root))
	default:
		p.each(root, "", p.section)
	}
}

// each calls visit for every key of a mapping, once.
func (p *yamlFile) each(mapping *yaml.Node, prefix string, visit func(path string, key, value *yaml.Node)) {
	lines := map[string]int{}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], resolve(mapping.Content[i+1])
		if key.Kind != yaml.ScalarNode {
			p.fault(key, strings.TrimSuffix(prefix, "."), "found %s as a key: wanted a name", kindOf(key))
			continue
		}
		path := prefix + key.Value
		if first, again := lines[key.Value]; again {
			p.fault(key, name(path), "set a second time, first in line %d: keep one", first)
			continue
		}
		lines[key.Value] = key.Line
		visit(path, key, value)
	}
}

func (p *yamlFile) section(path string, key, value *yaml.Node) {
	if !isSection(path) {
		p.fault(key, name(path), "%s", unknownSection(path))
		return
	}
	switch {
	case isNull(value):
	case value.Kind != yaml.MappingNode:
		p.fault(key, path, "found %s: wanted its settings, indented below", kindOf(value))
	default:
		p.each(value, path+".", p.setting)
	}
}

func (p *yamlFile) setting(path string, key, value *yaml.Node) {
	f, known := p.known[path]
	if !known {
		p.fault(key, name(path), "%s", unknownSetting(path))
		return
	}
	switch {
	case value.Kind == yaml.SequenceNode && f.isList():
		p.list(path, key, value)
	case value.Kind != yaml.ScalarNode:
		p.fault(key, path, "found %s: wanted %s", kindOf(value), f.wanted())
	case value.Anchor != "" && value.Value == "":
		p.fault(key, path, "begins with &, which YAML takes for an anchor: put it in single quotes")
	case isNull(value): // as if it were not there
	case !isPlainTag(value):
		p.fault(key, path, "begins with !, which YAML takes for a tag: put it in single quotes")
	default:
		p.values[path] = entry{Text: value.Value, Origin: p.origin(key), Rank: rankFile}
	}
}

// list reads the items of a list, which are texts of one line each.
func (p *yamlFile) list(path string, key, list *yaml.Node) {
	items := make([]string, len(list.Content))
	for i, item := range list.Content {
		item = resolve(item)
		if item.Kind != yaml.ScalarNode || !isPlainTag(item) || strings.ContainsAny(item.Value, "\r\n") {
			p.fault(item, path, "found %s as an item: wanted a text of one line, best in single quotes", kindOf(item))
			return
		}
		items[i] = item.Value
	}
	p.values[path] = entry{Text: strings.Join(items, "\n"), Origin: p.origin(key), Rank: rankFile}
}

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func isPlainTag(n *yaml.Node) bool {
	switch n.ShortTag() {
	case "!!str", "!!int", "!!float", "!!bool", "!!timestamp":
		return true
	}
	return false
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a section"
	case yaml.SequenceNode:
		return "a list"
	}
	return "a value"
}

func isSection(word string) bool { return slices.Contains(sections(), word) }

// shownPath shows a path of a file: as it is, unless it could harm a terminal.
func shownPath(path string) string {
	if strings.IndexFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f }) >= 0 {
		return shown(path)
	}
	return filepath.ToSlash(path)
}
