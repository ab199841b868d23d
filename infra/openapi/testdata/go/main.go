// Command client walks through README with a client that oapi-codegen generated from the OpenAPI document: its argument
// is the API's address. Each answer is asserted; the first that is not as it should be ends it.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"client/registrar"

	"github.com/oapi-codegen/runtime/types"
)

func main() {
	if err := walk(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

// want is an error unless the status is the one that was wanted, and there is a value.
func want[T any](what string, response *http.Response, body []byte, status int, value *T) error {
	if response.StatusCode != status || value == nil {
		return fmt.Errorf("%s: %s, want %d\n%s", what, response.Status, status, body)
	}
	return nil
}

func walk(ctx context.Context, api string) error {
	c, err := registrar.NewClientWithResponses(api)
	if err != nil {
		return err
	}

	// A term, a course, a section and two students.
	opens, closes := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2028, 1, 25, 5, 0, 0, 0, time.UTC)
	limit := 21.0
	term, err := c.TermsCreateWithResponse(ctx, nil, registrar.NewTerm{
		Code: "2028-SPRING-GO", Title: "Spring 2028", Start: day(2028, 1, 10), End: day(2028, 5, 6),
		TimeZone:    "America/New_York",
		CreditLimit: &limit, Registration: &registrar.NewWindow{Open: &opens, Close: &closes},
	})
	if err != nil {
		return err
	}
	if err := want("create a term", term.HTTPResponse, term.Body, http.StatusCreated, term.JSON201); err != nil {
		return err
	}
	at, err := term.HTTPResponse.Location() // relative to where the request went
	if err != nil || at.Path != "/v1/terms/"+term.JSON201.Id.String() {
		return fmt.Errorf("the term is at %v, %w", at, err)
	}
	course, err := c.CoursesCreateWithResponse(ctx, nil, registrar.NewCourse{
		Subject: "ASTR", Number: "2050G", Title: "Introduction to Astronomy", Credits: registrar.CreditRange{Min: 4, Max: 4},
	})
	if err != nil {
		return err
	}
	if err := want("create a course", course.HTTPResponse, course.Body, http.StatusCreated, course.JSON201); err != nil {
		return err
	}
	open, room := registrar.NewSectionStatusOpen, "Observatory 1"
	section, err := c.SectionsCreateWithResponse(ctx, nil, registrar.NewSection{
		Term: term.JSON201.Id, Course: course.JSON201.Id, Crn: "70001", Capacity: 1, Status: &open,
		Meetings: &[]registrar.Meeting{{
			Days: "MR", Start: "10:00", End: "11:50", From: day(2028, 1, 10), To: day(2028, 4, 28), Room: &room,
		}},
	})
	if err != nil {
		return err
	}
	if err := want("create a section", section.HTTPResponse, section.Body, http.StatusCreated,
		section.JSON201); err != nil {
		return err
	}
	var students []types.UUID
	for _, number := range []string{"U9000001G", "U9000002G"} {
		given, family := "Vera", "Rubin"
		student, err := c.StudentsCreateWithResponse(ctx, nil, registrar.NewStudent{Number: number, GivenName: &given,
			FamilyName: &family})
		if err != nil {
			return err
		}
		if err := want("create a student", student.HTTPResponse, student.Body, http.StatusCreated,
			student.JSON201); err != nil {
			return err
		}
		students = append(students, student.JSON201.Id)
	}

	// Enrol, again with the same key, be refused twice, see the seats, drop.
	enrol := func(student types.UUID, key string) (*registrar.RegistrationsCreateResponse, error) {
		return c.RegistrationsCreateWithResponse(ctx, section.JSON201.Id,
			&registrar.RegistrationsCreateParams{IdempotencyKey: &key},
			registrar.NewRegistration{Student: student})
	}
	for range 2 {
		enrolled, err := enrol(students[0], "once-go")
		if err != nil {
			return err
		}
		if err := want("enrol", enrolled.HTTPResponse, enrolled.Body, http.StatusCreated, enrolled.JSON201); err != nil {
			return err
		}
		if r := enrolled.JSON201; r.State != "ENROLLED" || r.Attempt != 1 || r.Credits != 4 {
			return fmt.Errorf("enrolled is %+v", r)
		}
	}
	for student, code := range map[int]string{0: "ALREADY_ENROLLED", 1: "SECTION_FULL"} {
		refused, err := enrol(students[student], "twice-go-"+code)
		if err != nil {
			return err
		}
		if err := want("enrol once more", refused.HTTPResponse, refused.Body, http.StatusConflict,
			refused.ApplicationproblemJSON409); err != nil {
			return err
		}
		if p := refused.ApplicationproblemJSON409; p.Code != code || p.Refusals == nil || len(*p.Refusals) == 0 {
			return fmt.Errorf("refused is %+v, want %s", p, code)
		}
	}
	shown, err := c.SectionsGetWithResponse(ctx, section.JSON201.Id, nil)
	if err != nil {
		return err
	}
	if err := want("get the section", shown.HTTPResponse, shown.Body, http.StatusOK, shown.JSON200); err != nil {
		return err
	}
	if s := shown.JSON200.Seats; s.Capacity != 1 || s.Taken != 1 || s.Available != 0 {
		return fmt.Errorf("the seats are %+v", s)
	}
	dropped, err := c.RegistrationsDropWithResponse(ctx, section.JSON201.Id, students[0], nil)
	if err != nil {
		return err
	}
	if err := want("drop", dropped.HTTPResponse, dropped.Body, http.StatusOK, dropped.JSON200); err != nil {
		return err
	}
	schedule, err := c.RegistrationsScheduleWithResponse(ctx, students[0], term.JSON201.Id, nil)
	if err != nil {
		return err
	}
	if err := want("get the schedule", schedule.HTTPResponse, schedule.Body, http.StatusOK, schedule.JSON200); err != nil {
		return err
	}
	if s := schedule.JSON200; s.Credits != 0 || len(s.Items) != 1 || s.Items[0].State != "DROPPED" {
		return fmt.Errorf("the schedule is %+v", s)
	}

	// A change needs the version that it was made of, and so does the next.
	capacity := int64(30)
	tag := section.HTTPResponse.Header.Get("ETag")
	for _, status := range []int{http.StatusOK, http.StatusPreconditionFailed} {
		changed, err := c.SectionsUpdateWithResponse(ctx, section.JSON201.Id, &registrar.SectionsUpdateParams{IfMatch: tag},
			registrar.SectionChange{Capacity: &capacity})
		switch {
		case err != nil:
			return err
		case changed.StatusCode() != status:
			return fmt.Errorf("change the section of version %s: %s, want %d\n%s", tag, changed.Status(), status, changed.Body)
		case status == http.StatusOK && (changed.JSON200.Seats.Capacity != capacity ||
			changed.HTTPResponse.Header.Get("ETag") == tag):
			return fmt.Errorf("changed is %+v, of version %s", changed.JSON200, changed.HTTPResponse.Header.Get("ETag"))
		case status == http.StatusPreconditionFailed && changed.ApplicationproblemJSON412 == nil:
			return fmt.Errorf("no problem: %s", changed.Body)
		}
	}
	return pages(ctx, c, term.JSON201.Id)
}

// pages goes through all terms, one on each page, and wants to find that one among them.
func pages(ctx context.Context, c *registrar.ClientWithResponses, id types.UUID) error {
	found, one := false, int64(1)
	params := &registrar.TermsListParams{Limit: &one}
	for count := 0; ; count++ {
		page, err := c.TermsListWithResponse(ctx, params)
		if err != nil {
			return err
		}
		if err := want("list terms", page.HTTPResponse, page.Body, http.StatusOK, page.JSON200); err != nil {
			return err
		}
		for _, term := range page.JSON200.Items {
			found = found || term.Id == id
		}
		if page.JSON200.Next == nil {
			if !found || count < 3 {
				return fmt.Errorf("after %d pages: found %t", count, found)
			}
			return nil
		}
		params.Cursor = page.JSON200.Next
	}
}

func day(year int, month time.Month, day int) types.Date {
	return types.Date{Time: time.Date(year, month, day, 0, 0, 0, 0, time.UTC)}
}
