package backendservice

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

// wirePlan is a plan in the API's terms. Its health check is kept apart from the backend service, because it may be off.
type wirePlan struct {
	lbapi.BackendService
	checkEnabled bool
	check        lbapi.HealthCheckSpec
}

// wire turns a plan, in which everything is known, into the API's terms.
func (m model) wire(ctx context.Context, diags *diag.Diagnostics) wirePlan {
	protocol, _ := lbapi.BackendServiceProtocols().Parse(m.Protocol.ValueString())
	scheduler, _ := lbapi.Schedulers().Parse(m.Scheduler.ValueString())
	check, _ := readHealthCheckModel(ctx, m.HealthCheck, diags)
	w := wirePlan{
		BackendService: lbapi.BackendService{
			Name:           m.Name.ValueString(),
			Description:    m.Description.ValueString(),
			LoadBalancerID: m.LoadBalancerID.ValueString(),
			Protocol:       protocol,
			Port:           int(m.Port.ValueInt64()),
			Scheduler:      scheduler,
			ServerGroupIDs: []string{},
			ProxyProtocol:  m.ProxyProtocol.ValueBool(),
		},
		checkEnabled: check.Enabled.ValueBool(),
		check:        check.spec(ctx, diags),
	}
	if !m.ServerGroupID.IsNull() {
		w.ServerGroupIDs = []string{m.ServerGroupID.ValueString()}
	}
	if !m.SessionPersistence.IsNull() {
		var persistence sessionPersistenceModel
		diags.Append(m.SessionPersistence.As(ctx, &persistence, basetypes.ObjectAsOptions{})...)
		w.SessionPersistence = persistence.Enabled.ValueBool()
		w.PersistenceTimeout = int(persistence.Timeout.ValueInt64())
		w.CookieSameSite, _ = lbapi.SameSites().Parse(persistence.SameSite.ValueString())
	}
	var headers []string
	diags.Append(m.ForwardedHeaders.ElementsAs(ctx, &headers, false)...)
	for _, header := range lbapi.ForwardedHeaders() {
		*w.ForwardedHeader(header) = slices.Contains(headers, header.Word)
	}
	return w
}

// create is the plan as a call gives it.
func (w wirePlan) create() lbapi.CreateBackendService {
	return lbapi.CreateBackendService{
		Name:                &w.Name,
		LoadBalancerID:      &w.LoadBalancerID,
		Protocol:            &w.Protocol,
		Port:                &w.Port,
		Scheduler:           &w.Scheduler,
		ServerGroupIDs:      &w.ServerGroupIDs,
		SessionPersistence:  &w.SessionPersistence,
		PersistenceTimeout:  &w.PersistenceTimeout,
		CookieSameSite:      w.cookieSameSite(),
		ForwardedProto:      &w.ForwardedProto,
		ForwardedPort:       &w.ForwardedPort,
		ForwardedHost:       &w.ForwardedHost,
		ForwardedLBIP:       &w.ForwardedLBIP,
		ForwardedClientPort: &w.ForwardedClientPort,
		ProxyProtocol:       &w.ProxyProtocol,
		HealthCheck:         &w.check,
		Description:         &w.Description,
	}
}

// cookieSameSite is what a call gives as SameSite: nothing if the plan doesn't, because not every API has it.
func (w wirePlan) cookieSameSite() *lbapi.SameSite {
	if w.CookieSameSite == "" {
		return nil
	}
	return &w.CookieSameSite
}

// patch is what the plan changes in place. Settings that the API judges together, such as the scheduler and the
// persistence, travel in one call, so no state in between is refused.
func (w wirePlan) patch(plan, state model) lbapi.PatchBackendService {
	headers := func(on bool) *bool { return base.Changed(plan.ForwardedHeaders, state.ForwardedHeaders, on) }
	sameSite := w.CookieSameSite
	if sameSite == "" {
		sameSite = lbapi.SameSites()[0].Wire // left out now, which means the default
	}
	change := lbapi.PatchBackendService{
		Name:                base.Changed(plan.Name, state.Name, w.Name),
		Description:         base.Changed(plan.Description, state.Description, w.Description),
		Scheduler:           base.Changed(plan.Scheduler, state.Scheduler, w.Scheduler),
		ServerGroupIDs:      base.Changed(plan.ServerGroupID, state.ServerGroupID, w.ServerGroupIDs),
		SessionPersistence:  base.Changed(plan.SessionPersistence, state.SessionPersistence, w.SessionPersistence),
		PersistenceTimeout:  base.Changed(plan.SessionPersistence, state.SessionPersistence, w.PersistenceTimeout),
		CookieSameSite:      base.Changed(plan.sameSite(), state.sameSite(), sameSite),
		ForwardedProto:      headers(w.ForwardedProto),
		ForwardedPort:       headers(w.ForwardedPort),
		ForwardedHost:       headers(w.ForwardedHost),
		ForwardedLBIP:       headers(w.ForwardedLBIP),
		ForwardedClientPort: headers(w.ForwardedClientPort),
		ProxyProtocol:       base.Changed(plan.ProxyProtocol, state.ProxyProtocol, w.ProxyProtocol),
	}
	if w.checkEnabled {
		change.HealthCheck = base.Changed(plan.HealthCheck, state.HealthCheck, w.check)
	} else {
		change.CloseHealthCheck = base.Changed(plan.HealthCheck, state.HealthCheck, true)
	}
	return change
}

// read takes over what the API shows. If it shows "not given" and an empty value alike, the state's form of it is kept.
func (m *attributes) read(ctx context.Context, service lbapi.BackendService, diags *diag.Diagnostics) {
	m.ID = types.StringValue(service.ID)
	m.Name = types.StringValue(service.Name)
	m.Description = types.StringValue(service.Description)
	m.LoadBalancerID = types.StringValue(service.LoadBalancerID)
	m.Protocol = types.StringValue(lbapi.BackendServiceProtocols().Word(service.Protocol))
	m.Port = types.Int64Value(int64(service.Port))
	m.Scheduler = types.StringValue(lbapi.Schedulers().Word(service.Scheduler))
	m.ProxyProtocol = types.BoolValue(service.ProxyProtocol)
	m.ServerGroupID = types.StringNull()
	if len(service.ServerGroupIDs) > 0 {
		m.ServerGroupID = types.StringValue(service.ServerGroupIDs[0])
	}
	if service.SessionPersistence || !m.SessionPersistence.IsNull() {
		object, problems := types.ObjectValueFrom(ctx, sessionPersistenceTypes(), sessionPersistenceModel{
			Enabled:  types.BoolValue(service.SessionPersistence),
			Timeout:  types.Int64Value(int64(service.PersistenceTimeout)),
			SameSite: m.readSameSite(service.CookieSameSite),
		})
		diags.Append(problems...)
		m.SessionPersistence = object
	}
	headers := []string{}
	for _, header := range lbapi.ForwardedHeaders() {
		if *service.ForwardedHeader(header) {
			headers = append(headers, header.Word)
		}
	}
	if len(headers) > 0 || !m.ForwardedHeaders.IsNull() {
		set, problems := types.SetValueFrom(ctx, types.StringType, headers)
		diags.Append(problems...)
		m.ForwardedHeaders = set
	}
	m.HealthCheck = readHealthCheck(ctx, m.HealthCheck, service.HealthCheck, diags)
}

// readSameSite takes over the SameSite that the API shows: null from an API that doesn't have it. The default stays left out
// if the state leaves it out; a data source, whose attributes are unknown at first, shows it.
func (m *attributes) readSameSite(shown lbapi.SameSite) types.String {
	leftOut := !m.SessionPersistence.IsUnknown() && m.sameSite().IsNull()
	if shown == "" || leftOut && shown == lbapi.SameSites()[0].Wire {
		return types.StringNull()
	}
	return types.StringValue(lbapi.SameSites().Word(shown))
}
