# Every target sets up what it needs; a second run finds it ready.
ENV ?= dev
REGION ?= us-east
STACK := $(ENV).$(REGION)
COMMENTER ?= github-actions[bot]
PYTHON := .venv/bin/python
UV_VERSION := 0.13.9
export UV_PYTHON_DOWNLOADS := never
# Without compiled modules beside the sources, each Python process compiles the SDKs anew: a second and more per preview.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup up preview down status telemetry test soak lint format bench gallery schema plan review comment rollout resume drift kubeconfigs lab

help: ## Show the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

setup: .venv/.synced ## Make the virtual environment from uv.lock

.venv/.synced: uv.lock pyproject.toml
	@echo "setup: Python packages"
	@test -x .tools/uv/bin/uv || { python3 -m venv .tools/uv && .tools/uv/bin/pip install --quiet uv==$(UV_VERSION); }
	@.tools/uv/bin/uv sync --frozen --quiet
	@touch $@

up: setup ## Start the lab and bring a region up in it (ENV=dev REGION=us-east)
	@$(PYTHON) -m lab up --env $(ENV) --region $(REGION)

preview: setup ## Show what `up` would change
	@$(PYTHON) -m lab preview --env $(ENV) --region $(REGION)

down: setup ## Destroy the region and the lab
	@$(PYTHON) -m lab down --env $(ENV) --region $(REGION)

status: setup ## Show what runs
	@$(PYTHON) -m lab status --env $(ENV) --region $(REGION)

telemetry: setup ## Run the region's collectors, stores and Prometheus on this machine
	@$(PYTHON) -m lab telemetry --env $(ENV) --region $(REGION)

# In the order of collection: by number of tests, the few that take long would come last, on one core. Three workers on
# two cores, since each waits for half of its time: for samplers, stores and alerts.
test: lint ## Lint, then run all tests
	@$(PYTHON) -m pytest -n 3 --dist loadfile --no-loadscope-reorder

soak: setup ## Run the long forms of tests, one after the other (an hour)
	@$(PYTHON) -m pytest -m soak

lint: setup ## Formatting, lint, types, import directions, routes of alerts
	@.venv/bin/ruff format --check --quiet . && .venv/bin/ruff check --quiet .
	@.venv/bin/mypy --num-workers 2 .
	@.venv/bin/lint-imports
	@$(PYTHON) -m components.values.alerting lint
	@$(PYTHON) -m tools build promtool > /dev/null && $(PYTHON) -m rules lint --promtool "$$($(PYTHON) -m tools path promtool)"

plan: setup ## Show the waves of a rollout (ENV=dev)
	@$(PYTHON) -m automation plan --env $(ENV)

# Make ends with 2 at whatever a command of it ends with; the driver's own code stands in what make says of it.
review: setup ## Preview every region of ENV; what was seen goes to review/ (fails at an open risk)
	@mkdir -p review
	@$(PYTHON) -m automation preview --env $(ENV) --markdown review/$(ENV).md --save-plan review/$(ENV).json \
		$(if $(DESCRIPTION),--description $(DESCRIPTION)) $(if $(GALLERY),--gallery $(GALLERY)) || { code=$$?; test $$code -eq 2 || exit $$code; }

# Of the comments that begin as ours only those of COMMENTER: anybody may write such a one.
comment: ## Put review/ENV.md under PULL_REQUEST, or in place of the comment that is there (needs gh)
	@ids=$$(gh api --paginate "repos/{owner}/{repo}/issues/$(PULL_REQUEST)/comments" \
		--jq '.[] | select(.user.login == "$(COMMENTER)") | select(.body | startswith("<!-- observability-platform preview of $(ENV) -->")) | .id') \
	|| exit 1; id=$$(echo "$$ids" | head -n 1); \
	if [ -n "$$id" ]; then gh api --silent -X PATCH "repos/{owner}/{repo}/issues/comments/$$id" -F body=@review/$(ENV).md; \
	else gh api --silent "repos/{owner}/{repo}/issues/$(PULL_REQUEST)/comments" -F body=@review/$(ENV).md; fi

rollout: setup ## Roll out wave by wave (PLAN=file of a review: this or nothing)
	@$(PYTHON) -m automation up --env $(ENV) $(if $(PLAN),--plan $(PLAN)) $(if $(DESCRIPTION),--description $(DESCRIPTION))

resume: setup ## Go on with a rollout that stopped
	@$(PYTHON) -m automation resume --env $(ENV)

drift: setup ## Look for what was changed by hand (fails when there is something, or a region cannot be asked)
	@mkdir -p review
	@$(PYTHON) -m automation drift --env $(ENV) --markdown review/drift.md

kubeconfigs: setup ## Write the kubeconfig's context of every EKS cluster of ENV (needs aws)
	@clusters=$$($(PYTHON) -m automation clusters --env $(ENV)) && echo "$$clusters" | while read -r region name context; do \
		aws eks update-kubeconfig --region "$$region" --name "$$name" --alias "$$context" || exit 1; done

lab: setup ## Run a pipeline step in labs instead of clusters (STEP=review ENV=dev)
	@$(PYTHON) -m lab fleet --env $(ENV) -- $(MAKE) --no-print-directory $(STEP) ENV=$(ENV)

format: setup ## Format the code
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

bench: setup ## Measure, print and store ratios
	@$(PYTHON) -m bench

gallery: setup ## Draw every dashboard with seeded data on one page, out/gallery/index.html
	@$(PYTHON) -m bench.gallery

schema: setup ## Write docs/settings.schema.json
	@$(PYTHON) -m settings > docs/settings.schema.json
