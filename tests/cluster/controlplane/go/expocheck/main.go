// Copyright 2026 The metrics-proxy-k8s authors
// SPDX-License-Identifier: Apache-2.0

// Command expocheck says what Prometheus makes of an exposition.
//
// It reads one body from stdin and writes one JSON answer to stdout. With
// -batch it reads a stream of JSON values, each a body, and answers each with
// one line: a string is a body as it stands, an object (see request) can also
// carry bytes that are not UTF-8, another format, or a whole Content-Type.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

const (
	formatText        = "text"
	formatOpenMetrics = "openmetrics"
)

// request is one body to check, in batch mode.
type request struct {
	Body        string  `json:"body"`
	Base64      []byte  `json:"base64"`       // taken instead of Body when present
	Format      string  `json:"format"`       // text or openmetrics; default: the flag
	ContentType *string `json:"content_type"` // given to the server's parser verbatim
}

// answer is what is printed for one body.
type answer struct {
	ServerError *string            `json:"server_error"`
	ExpfmtError *string            `json:"expfmt_error"`
	Series      [][4]any           `json:"series"`    // labels, value, timestamp in ms, type
	Families    map[string]*family `json:"families"`  // as the metadata lines name them
	Exemplars   [][4]any           `json:"exemplars"` // index in series, labels, value, timestamp in ms
}

// family is the metadata that one family was given; the last line wins.
type family struct {
	Type string `json:"type"`
	Help string `json:"help"`
	Unit string `json:"unit"`
}

// contentTypes are what a well-behaved target sends with each format.
var contentTypes = map[string]string{
	formatText:        "text/plain; version=0.0.4; charset=utf-8",
	formatOpenMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
}

// suffixes are the endings that samples of a family of each type may carry.
var suffixes = map[model.MetricType][]string{
	model.MetricTypeCounter:        {"_total", "_created"},
	model.MetricTypeHistogram:      {"_bucket", "_sum", "_count", "_created"},
	model.MetricTypeGaugeHistogram: {"_bucket", "_gsum", "_gcount", "_created"},
	model.MetricTypeSummary:        {"_sum", "_count", "_created"},
	model.MetricTypeInfo:           {"_info"},
}

func main() {
	format := flag.String("format", formatText, "text or openmetrics")
	batch := flag.Bool("batch", false, "read JSON values, one body each; answer each with a line")
	flag.Parse()
	if err := run(*format, *batch, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "expocheck:", err)
		os.Exit(2)
	}
}

func run(format string, batch bool, in io.Reader, out io.Writer) error {
	if _, known := contentTypes[format]; !known {
		return fmt.Errorf("unknown format %q", format)
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if batch {
		return runBatch(format, json.NewDecoder(bufio.NewReader(in)), encoder)
	}
	body, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	return encoder.Encode(check(body, format, contentTypes[format]))
}

func runBatch(format string, in *json.Decoder, out *json.Encoder) error {
	for {
		var raw json.RawMessage
		if err := in.Decode(&raw); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		asked := request{Format: format}
		if err := asked.read(raw); err != nil {
			return err
		}
		if err := out.Encode(check(asked.bytes(), asked.Format, *asked.ContentType)); err != nil {
			return err
		}
	}
}

// read fills r from a JSON string or object.
func (r *request) read(raw json.RawMessage) error {
	var into any = r
	if len(raw) > 0 && raw[0] == '"' {
		into = &r.Body
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return err
	}
	contentType, known := contentTypes[r.Format]
	if !known {
		return fmt.Errorf("unknown format %q", r.Format)
	}
	if r.ContentType == nil {
		r.ContentType = &contentType
	}
	return nil
}

func (r *request) bytes() []byte {
	if r.Base64 != nil {
		return r.Base64
	}
	return []byte(r.Body)
}

func check(body []byte, format, contentType string) answer {
	result := answer{Series: [][4]any{}, Families: map[string]*family{}, Exemplars: [][4]any{}}
	result.ServerError = text(result.walk(body, contentType))
	if format == formatText {
		result.ExpfmtError = text(readByExpfmt(body))
	}
	return result
}

// readByExpfmt tells what expfmt objects to; it panics at some bodies, which is an objection too.
func readByExpfmt(body []byte) (err error) {
	defer func() {
		if said := recover(); said != nil {
			err = fmt.Errorf("expfmt panics: %v", said)
		}
	}()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	_, err = parser.TextToMetricFamilies(bytes.NewReader(body))
	return err
}

// walk reads the body as a scrape of the server would, up to storing it.
func (a *answer) walk(body []byte, contentType string) error {
	if len(body) == 0 {
		return nil // The server skips its parser for these, whatever the type.
	}
	parser, err := textparse.New(body, contentType, labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		return err
	}
	current, kind := "", model.MetricTypeUnknown
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		switch entry {
		case textparse.EntrySeries:
			if err := a.addSeries(parser, current, kind); err != nil {
				return err
			}
		case textparse.EntryType:
			name, typ := parser.Type()
			current, kind = string(name), typ
			a.family(name).Type = string(typ)
		case textparse.EntryHelp:
			name, help := parser.Help()
			a.family(name).Help = string(help)
		case textparse.EntryUnit:
			name, unit := parser.Unit()
			a.family(name).Unit = string(unit)
		}
	}
}

func (a *answer) family(name []byte) *family {
	key := string(name)
	if a.Families[key] == nil {
		a.Families[key] = &family{Type: string(model.MetricTypeUnknown)}
	}
	return a.Families[key]
}

func (a *answer) addSeries(parser textparse.Parser, current string, kind model.MetricType) error {
	var set labels.Labels
	parser.Labels(&set)
	if err := acceptable(set); err != nil {
		return err
	}
	_, reused, value := parser.Series()
	var timestamp *int64 // The parser writes the next one where it put this one.
	if reused != nil {
		copied := *reused
		timestamp = &copied
	}
	set = set.WithoutEmpty()
	kept := set.Map()
	typ := typeOf(kept[model.MetricNameLabel], current, kind)
	a.Series = append(a.Series, [4]any{kept, number(value), timestamp, typ})
	a.addExemplars(parser)
	return nil
}

// acceptable says what the scrape loop and the storage would object to.
func acceptable(set labels.Labels) error {
	if !set.Has(model.MetricNameLabel) {
		return errors.New("missing metric name")
	}
	if !set.IsValid(model.UTF8Validation) {
		return fmt.Errorf("invalid metric name or label names: %s", set)
	}
	if name, twice := set.WithoutEmpty().HasDuplicateLabelNames(); twice {
		return fmt.Errorf("label name %q is not unique: %s", name, set)
	}
	return nil
}

func (a *answer) addExemplars(parser textparse.Parser) {
	for {
		var found exemplar.Exemplar
		if !parser.Exemplar(&found) {
			return
		}
		var timestamp *int64
		if found.HasTs {
			timestamp = &found.Ts
		}
		a.Exemplars = append(a.Exemplars,
			[4]any{len(a.Series) - 1, found.Labels.Map(), number(found.Value), timestamp})
	}
}

// typeOf is the type of the last TYPE line if the sample belongs to it.
func typeOf(name, current string, kind model.MetricType) model.MetricType {
	if name == current {
		return kind
	}
	for _, suffix := range suffixes[kind] {
		if base, cut := strings.CutSuffix(name, suffix); cut && base == current {
			return kind
		}
	}
	return model.MetricTypeUnknown
}

func number(value float64) string {
	return strconv.FormatFloat(value, 'g', -1, 64)
}

func text(err error) *string {
	if err == nil {
		return nil
	}
	said := err.Error()
	return &said
}
