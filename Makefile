# Aliases, one line each; arguments go in ARGS: make up ARGS="--no-wait dashboard"
.PHONY: up down build logs reset status verify doctor test smoke bench clean
up: ;     @scripts/bootstrap/inv.sh up $(ARGS)
down: ;   @scripts/bootstrap/inv.sh down $(ARGS)
build: ;  @scripts/bootstrap/inv.sh build $(ARGS)
logs: ;   @scripts/bootstrap/inv.sh logs $(ARGS)
reset: ;  @scripts/bootstrap/inv.sh reset-state $(ARGS)
status: ; @scripts/bootstrap/inv.sh status $(ARGS)
verify: ; @scripts/bootstrap/inv.sh verify $(ARGS)
doctor: ; @scripts/bootstrap/inv.sh doctor $(ARGS)
test: ;   @scripts/bootstrap/nox.sh test $(ARGS)
smoke: ;  @scripts/bootstrap/nox.sh smoke $(ARGS)
bench: ;  @scripts/bootstrap/nox.sh bench $(ARGS)
clean: ;  @scripts/bootstrap/inv.sh clean-orphans $(ARGS)
