package registrar_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"example.com/registrar/shared/registrar"
)

const revealed = "Grace-Hopper-4711"

// holder has what is masked wherever a value can stand.
type holder struct {
	Name    registrar.Personal
	Names   []registrar.Personal
	ByName  map[string]registrar.Personal
	Pointer *registrar.Personal
	Key     registrar.Secret
	Keys    map[string]registrar.Secret
	key     registrar.Secret
}

func TestPersonalAndSecretMaskThemselves(t *testing.T) {
	name, key := registrar.Personal(revealed), registrar.NewSecret(revealed)
	all := holder{
		Name: name, Names: []registrar.Personal{name}, ByName: map[string]registrar.Personal{"n": name}, Pointer: &name,
		Key: key, Keys: map[string]registrar.Secret{"k": key}, key: key,
	}
	check := func(how, text string) {
		t.Helper()
		if strings.Contains(text, revealed) || strings.Contains(text, fmt.Sprintf("%x", revealed)) ||
			strings.Contains(text, fmt.Sprintf("%X", revealed)) {
			t.Errorf("%s reveals: %s", how, text)
		}
	}
	for _, value := range []any{name, key, &name, &key, all, &all, []any{name, key},
		fmt.Errorf("of %s: %w", name, fmt.Errorf("with %v", key))} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%T %[1]v", "%40v", "%-5.3s"} {
			check(verb, fmt.Sprintf(verb, value))
		}
		check("Sprint", fmt.Sprint(value)+fmt.Sprintln(value))
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Errorf("JSON of %T: %v", value, err)
		}
		check("JSON", string(encoded))
		var log bytes.Buffer
		for _, handler := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
			slog.New(handler).With("with", value).WithGroup("group").Info("message", "value", value, slog.Any("any", value),
				slog.Group("g", "v", value))
		}
		check("slog", log.String())
	}
	if name.String() != "[personal]" || key.String() != "[secret]" || fmt.Sprintf("%s%v", registrar.Personal(""),
		registrar.Secret{}) != "" {
		t.Errorf("masked as %s, %s; none as %q", name, key, fmt.Sprintf("%s%v", registrar.Personal(""), registrar.Secret{}))
	}
	if string(name) != revealed || key.Reveal() != revealed || (registrar.Secret{}).Reveal() != "" {
		t.Error("what was kept is lost")
	}
	check("errors", errors.Join(fmt.Errorf("student %q", name)).Error())
}

func TestPeopleMaskThemselves(t *testing.T) {
	for _, value := range []any{
		registrar.Student{ID: "s-1", Number: revealed, GivenName: revealed, FamilyName: revealed, Email: revealed},
		registrar.Instructor{ID: "i-1", Name: revealed, Email: revealed},
		registrar.Registration{Student: "s-1", StudentName: revealed},
		registrar.StudentFilter{Number: revealed, NamePrefix: revealed},
	} {
		encoded, err := json.Marshal(value)
		if text := fmt.Sprintf("%+v %#v %s %s", value, value, encoded, value); err != nil ||
			strings.Contains(text, revealed) {
			t.Errorf("%T reveals, or %v: %s", value, err, text)
		}
	}
}
