"""How edits of experiments are taken back, by the name of the action. Named by `settings.AUDIT_REVERTS`.

Experiments are for ever, a variant that was removed would come back in another place, and slots that were given back
may be somebody else's: nothing of that can be undone.
"""

from audits.reverts import Undo, fields_back, gone_again
from experiments import services
from experiments.models import Experiment, Layer, Variant
from tenants.roles import Right

REVERTS: dict[str, Undo] = {
    "experiment.updated": fields_back(Experiment, Right.EDIT, services.update_experiment),
    "variant.created": gone_again(Variant, Right.EDIT, services.remove_variant),
    "variant.updated": fields_back(Variant, Right.EDIT, services.update_variant),
    "layer.created": gone_again(Layer, Right.EDIT, services.delete_layer),
    "layer.updated": fields_back(Layer, Right.EDIT, services.update_layer),
}
