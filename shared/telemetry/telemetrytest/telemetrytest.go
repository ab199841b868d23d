// Package telemetrytest checks lines against CloudWatch's Embedded Metric Format, for tests of code that writes such
// lines. It is the JSON schema of the "Specification: Embedded metric format" (CloudWatch user guide), the rest of the
// specification's text, and what MetricDatum and Dimension (CloudWatch API reference) require of names and values.
// Start with [Check].
package telemetrytest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Metric is a metric that CloudWatch would make of a line.
type Metric struct {
	Namespace, Name, Unit string
	Dimensions            map[string]string
	Values                []float64
}

const (
	maxLine       = 256 << 10 // bytes
	maxName       = 255       // characters
	maxDimension  = 1024
	maxDimensions = 30
	maxMetrics    = 100
	maxValues     = 100
)

// units are those of MetricDatum.
const units = " Seconds Microseconds Milliseconds Bytes Kilobytes Megabytes Gigabytes Terabytes Bits Kilobits " +
	"Megabits Gigabits Terabits " +
	"Percent Count Bytes/Second Kilobytes/Second Megabytes/Second Gigabytes/Second Terabytes/Second Bits/Second " +
	"Kilobits/Second " +
	"Megabits/Second Gigabits/Second Terabits/Second Count/Second None "

type metadata struct {
	Timestamp         *int64
	CloudWatchMetrics *[]struct {
		Namespace  *string
		Dimensions *[][]string
		Metrics    *[]struct {
			Name              string
			Unit              *string
			StorageResolution *int
		}
	}
}

// Check reads a log line. For a line without the member "_aws" it returns no metrics and no error, otherwise the
// metrics, or what is wrong. A line that is not a JSON object, or has a member twice, is always wrong.
func Check(line []byte) ([]Metric, error) {
	if len(line) > maxLine {
		return nil, fmt.Errorf("the line has %d bytes and may have %d", len(line), maxLine)
	}
	root, err := members(line)
	if err != nil {
		return nil, err
	}
	raw, ok := root["_aws"]
	if !ok {
		return nil, nil
	}
	var told metadata
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&told); err != nil {
		return nil, fmt.Errorf("_aws: %w", err)
	}
	if told.Timestamp == nil || told.CloudWatchMetrics == nil || len(*told.CloudWatchMetrics) == 0 {
		return nil, errors.New("_aws: Timestamp or CloudWatchMetrics is missing")
	}
	if *told.Timestamp < 1e12 { // seconds, most likely
		return nil, fmt.Errorf("_aws.Timestamp: %d is no time in milliseconds", *told.Timestamp)
	}
	var all []Metric
	for n, d := range *told.CloudWatchMetrics {
		if d.Namespace == nil || d.Dimensions == nil || d.Metrics == nil {
			return nil, fmt.Errorf("directive %d: Namespace, Dimensions or Metrics is missing", n)
		}
		if err := name("Namespace", *d.Namespace, maxName); err != nil {
			return nil, err
		}
		if strings.HasPrefix(*d.Namespace, "AWS/") || strings.HasPrefix(*d.Namespace, ":") {
			return nil, fmt.Errorf("the namespace %q is kept for AWS", *d.Namespace)
		}
		if len(*d.Dimensions) == 0 || len(*d.Metrics) == 0 || len(*d.Metrics) > maxMetrics {
			return nil, fmt.Errorf("directive %d: %d sets of dimensions, %d metrics", n, len(*d.Dimensions), len(*d.Metrics))
		}
		var sets []map[string]string
		for _, set := range *d.Dimensions {
			dimensions, err := dimensionsOf(root, set)
			if err != nil {
				return nil, err
			}
			sets = append(sets, dimensions)
		}
		for _, m := range *d.Metrics {
			metric := Metric{Namespace: *d.Namespace, Name: m.Name, Unit: "None"}
			if m.Unit != nil {
				metric.Unit = *m.Unit
			}
			if err := name("Name", m.Name, maxName); err != nil {
				return nil, err
			}
			if !strings.Contains(units, " "+metric.Unit+" ") {
				return nil, fmt.Errorf("metric %s: there is no unit %q", m.Name, metric.Unit)
			}
			if m.StorageResolution != nil && *m.StorageResolution != 1 && *m.StorageResolution != 60 {
				return nil, fmt.Errorf("metric %s: a storage resolution is 1 or 60, not %d", m.Name, *m.StorageResolution)
			}
			if metric.Values, err = valuesOf(root, m.Name); err != nil {
				return nil, err
			}
			for _, dimensions := range sets {
				metric.Dimensions = dimensions
				all = append(all, metric)
			}
		}
	}
	return all, nil
}

// members are those of a JSON object that stands alone.
func members(line []byte) (map[string]json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, fmt.Errorf("the line is no JSON object: %w", errors.Join(err))
	}
	root := map[string]json.RawMessage{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("read a member: %w", err)
		}
		key, _ := token.(string)
		if _, twice := root[key]; twice {
			return nil, fmt.Errorf("member %q stands twice", key)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, fmt.Errorf("member %q: %w", key, err)
		}
		root[key] = value
	}
	if _, err := decoder.Token(); err != nil {
		return nil, fmt.Errorf("the object has no end: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the object")
	}
	return root, nil
}

func dimensionsOf(root map[string]json.RawMessage, set []string) (map[string]string, error) {
	if len(set) > maxDimensions {
		return nil, fmt.Errorf("a set of %d dimensions: there may be %d", len(set), maxDimensions)
	}
	dimensions := map[string]string{}
	for _, key := range set {
		if err := name("dimension", key, maxName); err != nil {
			return nil, err
		}
		var value string
		if err := json.Unmarshal(root[key], &value); err != nil {
			return nil, fmt.Errorf("dimension %s: its target is no text: %s", key, root[key])
		}
		if err := name("the value of dimension "+key, value, maxDimension); err != nil {
			return nil, err
		}
		if _, twice := dimensions[key]; twice {
			return nil, fmt.Errorf("dimension %s stands twice in its set", key)
		}
		dimensions[key] = value
	}
	return dimensions, nil
}

func valuesOf(root map[string]json.RawMessage, metric string) ([]float64, error) {
	var one float64
	var many []float64
	target, ok := root[metric]
	switch {
	case !ok || string(target) == "null":
		return nil, fmt.Errorf("metric %s: its target is missing", metric)
	case json.Unmarshal(target, &one) == nil:
		return []float64{one}, nil
	case json.Unmarshal(target, &many) != nil || len(many) == 0 || len(many) > maxValues:
		return nil, fmt.Errorf("metric %s: its target is neither a number nor 1 to %d of them: %s", metric, maxValues, target)
	}
	return many, nil
}

// name checks a name as CloudWatch does: ASCII without control characters, not only space.
func name(what, text string, longest int) error {
	control := func(r rune) bool { return r < ' ' || r >= 0x7f }
	if n := utf8.RuneCountInString(text); strings.TrimSpace(text) == "" || n > longest ||
		strings.ContainsFunc(text, control) {
		return fmt.Errorf("%s: %q is not 1 to %d printable ASCII characters", what, text, longest)
	}
	return nil
}
