package dynamo

import "strings"

// KeyPattern is the narrowest pattern by which a policy can name the partition that a key is of: of what is one kind,
// "STUDENT#*", and of a partition that there is one of, the whole key, "TERMS". It holds nothing of a person.
func KeyPattern(partition string) string {
	kind, rest, parted := strings.Cut(partition, "#")
	if !parted {
		return partition
	}
	switch kind {
	case "NAME", "CLAIM", "SEEN": // each kind of name, and each consumer, is apart
		second, _, _ := strings.Cut(rest, "#")
		return kind + "#" + second + "#*"
	case "JOB", "IMPORTS", "MAILS": // there are few, and the program names them
		return partition
	}
	return kind + "#*"
}
