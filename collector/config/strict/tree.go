package strict

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// This file is the only one that knows the YAML library. It turns a source into
// a tree of our own whose every node knows its place, within bounds: the size of
// the source, the nesting (the parser recurses, and a stack overflow cannot be
// recovered from), and the number of nodes. An alias shares the node of its
// anchor instead of copying it, so a "billion laughs" file stays as small in
// memory as it is on disk.

// MaxSource is how long a source may be, in bytes; a fleet of 5,000 targets
// needs about 1 MiB.
const MaxSource = 4 << 20

const (
	maxIndent = 256  // columns of block indentation, hence block nesting
	maxFlow   = 32   // nested [ ] and { }
	maxMarks  = 4    // anchors and tags in a row
	maxKeys   = 2000 // in one block
	maxNodes  = 400_000
)

// Kind is what a value is.
type Kind uint8

// The kinds of values.
const (
	Null   Kind = iota // nothing was written
	Scalar             // one value; what it means is for the reader to say
	List
	Object
)

// String names k as messages do.
func (k Kind) String() string {
	return [...]string{"nothing", "a single value", "a list", "a block of key: value"}[k]
}

// Place is a position in the source, both from 1; the column in characters.
type Place struct{ Line, Column int }

// Node is a value of the file.
type Node struct {
	Kind   Kind
	At     Place
	Text   string  // of a scalar
	Quoted bool    // a scalar in quotes is never a number or a boolean
	Items  []*Node // of a list
	Fields []Field // of an object, in the order of the file, doubles included
}

// Has says whether the object n has the key.
func (n *Node) Has(key string) bool {
	return slices.ContainsFunc(n.Fields, func(f Field) bool { return f.Key == key })
}

// Field is one key of an object.
type Field struct {
	Key   string
	At    Place // of the key
	Value *Node // never nil
}

// Parse reads src, the text of the file that is named file. On failure the
// problems say why; there is no tree then. An empty source is a Null.
func Parse(file string, src []byte) (root *Node, problems Problems) {
	if len(src) > MaxSource {
		return nil, Problems{{file, 1, 1, fmt.Sprintf("the file has %d bytes, at most %d are read: split the fleet, or generate less", len(src), MaxSource)}}
	}
	defer func() {
		// The library is not ours; a panic in it is a file that cannot be read.
		if p := recover(); p != nil {
			root, problems = nil, Problems{{file, 1, 1, fmt.Sprintf("cannot be read as YAML (%v): simplify the file", p)}}
		}
	}()
	tokens := lexer.Tokenize(string(src))
	if p, text := excess(tokens); text != "" {
		return nil, Problems{{file, p.Line, p.Column, text}}
	}
	parsed, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, Problems{syntaxProblem(file, err)}
	}
	b := builder{file: file, anchors: map[string]*Node{}}
	for i, doc := range parsed.Docs {
		switch {
		case doc.Body == nil:
		case root != nil:
			at := where(doc.Body)
			b.add(at, fmt.Sprintf("this is document %d of the file, only one is read: remove the --- line and what belongs to it", i+1))
		default:
			root = b.build(doc.Body, 0)
		}
	}
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	if root == nil {
		root = &Node{Kind: Null, At: Place{1, 1}}
	}
	return root, nil
}

// excess says where tokens go beyond what the parser should be given: it
// recurses per level, and its time grows with the square of the keys in a block.
func excess(tokens token.Tokens) (at Place, text string) {
	const deep = "nested too deeply: nothing in this file needs more than 6 levels"
	flow, marks := 0, 0
	var keys [maxFlow + maxIndent + 2]int                               // per level: by nesting in flow, else by column
	forget := func(level int) { clear(keys[min(level+1, len(keys)):]) } // what is deeper than level
	for _, t := range tokens {
		at := Place{t.Position.Line, t.Position.Column}
		if t.Type == token.AnchorType || t.Type == token.TagType {
			marks++
		} else if t.Type != token.StringType { // an anchor's name is a string token
			marks = 0
		}
		level := -1
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
			forget(maxIndent + flow - 1)
		case token.SequenceEndType, token.MappingEndType:
			flow = max(0, flow-1)
		case token.SequenceEntryType, token.MappingKeyType:
			level = at.Column
		case token.MappingValueType:
			level = at.Column
			if t.Prev != nil {
				level = t.Prev.Position.Column
			}
		}
		if flow > maxFlow || marks > maxMarks || flow == 0 && level > maxIndent {
			return at, deep
		}
		if level < 0 {
			continue
		}
		if flow > 0 {
			level = maxIndent + flow
		}
		forget(level)
		if t.Type != token.MappingValueType {
			continue
		}
		if keys[level]++; keys[level] > maxKeys {
			return at, fmt.Sprintf("more than %d keys in one block: is this a fleet file?", maxKeys)
		}
	}
	return Place{}, ""
}

// syntaxProblem translates the library's refusal.
func syntaxProblem(file string, err error) Problem {
	p := Problem{File: file, Line: 1, Column: 1, Text: "cannot be read as YAML: " + firstLine(err.Error())}
	if e, ok := errors.AsType[yaml.Error](err); ok {
		p.Text = "not valid YAML: " + firstLine(e.GetMessage()) + "; check the indentation, the colons and the quotes here and on the line before"
		if t := e.GetToken(); t != nil && t.Position != nil {
			p.Line, p.Column = max(1, t.Position.Line), max(1, t.Position.Column)
		}
	}
	return p
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}

// where is the place of n's first character.
func where(n ast.Node) Place {
	t := n.GetToken()
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			t = m.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		t = m.Key.GetToken()
	}
	if t == nil || t.Position == nil {
		return Place{1, 1}
	}
	return Place{max(1, t.Position.Line), max(1, t.Position.Column)}
}

// builder makes nodes of the library's.
type builder struct {
	file     string
	anchors  map[string]*Node
	count    int
	problems Problems
}

func (b *builder) add(at Place, text string) {
	if len(b.problems) < MaxProblems {
		b.problems = append(b.problems, Problem{b.file, at.Line, at.Column, text})
	}
}

func (b *builder) build(n ast.Node, depth int) *Node {
	out := &Node{Kind: Null}
	if n == nil {
		out.At = Place{1, 1}
		return out
	}
	out.At = where(n)
	if b.count++; b.count > maxNodes || depth > maxIndent {
		if b.count == maxNodes+1 {
			b.add(out.At, fmt.Sprintf("the file has more than %d values: split the fleet", maxNodes))
		}
		return out
	}
	switch n := n.(type) {
	case *ast.NullNode:
	case *ast.MappingNode:
		out.Kind = Object
		for _, v := range n.Values {
			out.Fields = append(out.Fields, b.field(v, depth))
		}
	case *ast.MappingValueNode:
		out.Kind = Object
		out.Fields = append(out.Fields, b.field(n, depth))
	case *ast.SequenceNode:
		out.Kind = List
		for _, v := range n.Values {
			out.Items = append(out.Items, b.build(v, depth+1))
		}
	case *ast.AnchorNode:
		value := b.build(n.Value, depth+1)
		b.anchors[n.Name.GetToken().Value] = value
		return value
	case *ast.AliasNode:
		name := n.Value.GetToken().Value
		if value, ok := b.anchors[name]; ok {
			return value
		}
		b.add(out.At, fmt.Sprintf("alias *%s has no anchor before it: write &%s where the value is first used", name, name))
	case *ast.TagNode:
		b.add(out.At, fmt.Sprintf("tag %s is not supported: remove it", n.Start.Value))
	default:
		b.scalar(out, n)
	}
	return out
}

func (b *builder) scalar(out *Node, n ast.Node) {
	out.Kind = Scalar
	switch n := n.(type) {
	case *ast.StringNode:
		out.Text = n.Value
		out.Quoted = n.Token.Type == token.SingleQuoteType || n.Token.Type == token.DoubleQuoteType
	case *ast.LiteralNode:
		out.Text, out.Quoted = n.Value.Value, true
		if t := n.Value.GetToken(); t != nil {
			out.At = Place{max(1, t.Position.Line), max(1, t.Position.Column)}
		}
	default:
		out.Text = strings.TrimSpace(n.GetToken().Value)
	}
}

func (b *builder) field(v *ast.MappingValueNode, depth int) Field {
	at := where(v.Key)
	if _, merge := v.Key.(*ast.MergeKeyNode); merge {
		b.add(at, "merge keys (<<) are not supported: write the fields out, or alias a whole value")
		return Field{Key: "<<", At: at, Value: &Node{At: at}}
	}
	key := v.Key.GetToken().Value
	if s, ok := v.Key.(*ast.StringNode); ok {
		key = s.Value
	}
	value := b.build(v.Value, depth+1)
	if value.Kind == Null {
		value.At = at // an absent value has no place of its own
	}
	return Field{Key: key, At: at, Value: value}
}
