package sqs

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// maxMessageBytes bounds a message, its attributes included, and all messages of a batch together (Developer Guide,
// "Amazon SQS message quotas": 1 MiB).
const maxMessageBytes = 1 << 20

// attribute is a message attribute, or a message system attribute.
type attribute struct {
	DataType         string
	StringValue      *string  `json:",omitempty"`
	BinaryValue      []byte   `json:",omitempty"`
	StringListValues []string `json:",omitempty"` // AWS reserves them, and refuses them
	BinaryListValues [][]byte `json:",omitempty"`
}

// content is what a sender sent.
type content struct {
	body, bodyMD5 string
	attributes    map[string]attribute
	trace         string // AWSTraceHeader
	group, dedup  string
}

// entry asks for one message to be sent.
type entry struct {
	ID                      string `json:"Id"` // in a batch
	MessageBody             string
	DelaySeconds            *int
	MessageAttributes       map[string]attribute
	MessageSystemAttributes map[string]attribute
	MessageDeduplicationID  string `json:"MessageDeduplicationId"`
	MessageGroupID          string `json:"MessageGroupId"`
}

// size is what counts against the limits: body, and names, types and values of the attributes.
func (in *entry) size() int {
	n := len(in.MessageBody)
	for name, a := range in.MessageAttributes {
		n += len(name) + len(a.DataType) + len(a.BinaryValue)
		if a.StringValue != nil {
			n += len(*a.StringValue)
		}
	}
	return n
}

// content checks what can be checked without knowing the queue.
func (in *entry) content() (content, error) {
	if in.MessageBody == "" {
		return content{}, missing("MessageBody")
	}
	if r, ok := forbidden(in.MessageBody); ok {
		return content{}, newFault("InvalidMessageContents",
			"Invalid binary character '#x%X' was found in the message body, "+
				"the set of allowed characters is #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF", r)
	}
	if err := checkAttributes(in.MessageAttributes); err != nil {
		return content{}, err
	}
	c := content{body: in.MessageBody, attributes: in.MessageAttributes, group: in.MessageGroupID,
		dedup: in.MessageDeduplicationID}
	for name, a := range in.MessageSystemAttributes {
		if name != "AWSTraceHeader" {
			return content{}, invalid("Message system attribute name '%s' is invalid.", name)
		}
		if a.DataType != "String" || a.StringValue == nil || !strings.Contains(*a.StringValue, "Root=") {
			return content{}, invalid("The message system attribute '%s' must be a trace header of the type String.", name)
		}
		c.trace = *a.StringValue
	}
	for _, p := range []struct{ name, value string }{
		{"MessageGroupId", in.MessageGroupID}, {"MessageDeduplicationId", in.MessageDeduplicationID},
	} {
		if len(p.value) > 128 || strings.ContainsFunc(p.value, func(r rune) bool { return r < '!' || r > '~' }) {
			return content{}, invalid("Value %s for parameter %s is invalid. Reason: %[2]s can only include alphanumeric and "+
				"punctuation characters. 1 to 128 in length.", p.value, p.name)
		}
	}
	if in.DelaySeconds != nil {
		if most := 900; *in.DelaySeconds < 0 || *in.DelaySeconds > most {
			return content{}, invalid("Value %d for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and "+
				"<= %d.",
				*in.DelaySeconds, most)
		}
	}
	c.bodyMD5 = md5Hex([]byte(in.MessageBody))
	return c, nil
}

func md5Hex(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

// contentID is the deduplication identifier of a message whose sender gave none.
func contentID(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// forbidden finds a character that messages must not have.
func forbidden(s string) (rune, bool) {
	for _, r := range s {
		ok := r == 0x9 || r == 0xA || r == 0xD || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000
		if !ok {
			return r, true
		}
	}
	return 0, false
}

// checkAttributes checks names, types and values (Developer Guide, "Amazon SQS message metadata").
func checkAttributes(attributes map[string]attribute) error {
	if len(attributes) > 10 {
		return invalid("Number of message attributes [%d] exceeds the allowed maximum [10].", len(attributes))
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		lower := strings.ToLower(name)
		switch odd := func(r rune) bool { return !isAlphanumeric(r) && r != '_' && r != '-' && r != '.' }; {
		case name == "" || len(name) > 256 || strings.ContainsFunc(name, odd) || strings.HasPrefix(name, ".") ||
			strings.HasSuffix(name, ".") || strings.Contains(name, ".."):
			return invalid("Message (user) attribute name '%s' is invalid: up to 256 of A-Z, a-z, 0-9, underscore, hyphen and "+
				"period, which is neither first nor last nor doubled.", name)
		case strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon."):
			return invalid("Message (user) attribute name '%s' is reserved.", name)
		}
		if err := checkValue(name, attributes[name]); err != nil {
			return err
		}
	}
	return nil
}

func checkValue(name string, a attribute) error {
	kind, label, labelled := strings.Cut(a.DataType, ".")
	switch {
	case len(a.StringListValues) > 0 || len(a.BinaryListValues) > 0:
		return newFault("UnsupportedOperation", "Message attribute list values in SendMessage operation are not supported.")
	case a.DataType == "":
		return invalid("The message attribute '%s' must contain a non-empty message attribute type.", name)
	case kind != "String" && kind != "Number" && kind != "Binary":
		return invalid("The message attribute '%s' has an invalid message attribute type, the set of supported type "+
			"prefixes is "+
			"Binary, Number, and String.", name)
	case len(a.DataType) > 256 || labelled && label == "":
		return invalid("The message attribute '%s' has an invalid message attribute type.", name)
	case a.StringValue != nil && a.BinaryValue != nil:
		return invalid("The message attribute '%s' has more than one value.", name)
	case kind == "Binary" && len(a.BinaryValue) == 0, kind != "Binary" && (a.StringValue == nil || *a.StringValue == ""):
		return invalid("The message attribute '%s' must contain a non-empty message attribute value for message attribute "+
			"type '%s'.", name, kind)
	case kind == "Binary":
		return nil
	case kind == "Number" && !isNumber(*a.StringValue):
		return invalid("Can't cast the value of message (user) attribute '%s' to a number.", name)
	}
	if r, ok := forbidden(*a.StringValue); ok {
		return invalid("Invalid binary character '#x%X' was found in the message attribute '%s'.", r, name)
	}
	return nil
}

// isNumber reports whether a text is a decimal number of up to 38 digits from 10^-128 to 10^126, or zero.
func isNumber(s string) bool {
	if strings.Trim(s, "0123456789+-.eE") != "" { // ParseFloat also takes Inf, NaN, hexadecimal digits and underscores
		return false
	}
	mantissa, _, _ := strings.Cut(strings.ToLower(s), "e")
	digits := strings.TrimLeft(strings.NewReplacer("+", "", "-", "", ".", "").Replace(mantissa), "0")
	v, err := strconv.ParseFloat(s, 64)
	return err == nil && len(digits) <= 38 && (digits == "" || math.Abs(v) >= 1e-128 && math.Abs(v) <= 1e126)
}

// attributesMD5 is the checksum of attributes, or "" when there are none (Developer Guide, "Calculating the MD5 message
// digest for message attributes"): by name, the length and bytes of name and type, a byte for the transport, length and
// bytes of the value.
func attributesMD5(attributes map[string]attribute) string {
	if len(attributes) == 0 {
		return ""
	}
	var b []byte
	add := func(s string) { b = append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...) }
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		add(name)
		add(a.DataType)
		if a.StringValue != nil {
			b = append(b, 1)
			add(*a.StringValue)
		} else {
			b = append(b, 2)
			add(string(a.BinaryValue))
		}
	}
	return md5Hex(b)
}
