"""The device file: parameters of a simulated device, the ground truth behind a simulated bench."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from acquire.config.bench import Simulation
from acquire.config.quantities import (
    CurrentDensity,
    Fraction,
    Hertz,
    Kelvins,
    Luminance,
    Metres,
    Nanometres,
    Ohms,
    PositiveSeconds,
    PositiveVolts,
    Quantity,
    Seconds,
    SquareMetres,
    Volts,
)
from acquire.config.section import Section

SheetConductance = Annotated[float, Quantity("S/m^2", "4e-4 S/m^2", least=0.0)]
SpaceChargeCoefficient = Annotated[float, Quantity("A/m^2/V^2", "60 A/m^2/V^2", above=0.0)]
CandelaPerAmpere = Annotated[float, Quantity("cd/A", "10 cd/A", above=0.0)]
ShiftPerDecade = Annotated[float, Quantity("nm/decade", "-0.1 nm/decade")]
VoltageShift = Annotated[float, Quantity("V", "0.15 V")]
Resistance = Annotated[float, Quantity("ohm", "1000 ohm", above=0.0)]
Share = Annotated[float, Quantity("", "0.5", above=0.0, most=1.0)]
Exponent = Annotated[float, Field(gt=0.0)]
KelvinPerWatt = Annotated[float, Quantity("K/W", "300 K/W", least=0.0)]
PerKelvin = Annotated[float, Quantity("K^-1", "0.006 K^-1", least=0.0)]
Cavity = Annotated[float, Field(ge=-1.0)]
Permittivity = Annotated[float, Field(ge=1.0)]
Mobility = Annotated[float, Quantity("m^2/V/s", "1e-8 cm^2/V/s", above=0.0)]
FieldActivation = Annotated[float, Quantity("m^0.5/V^0.5", "3e-4 m^0.5/V^0.5", least=0.0)]
TrapDensity = Annotated[float, Quantity("m^-3", "1e17 cm^-3", above=0.0)]
CurrentPerTime = Annotated[float, Quantity("A/s", "0.5 pA/s")]


class Injection(Section):
    """J_d = J00 (exp(v/V_s) - 1), v the junction voltage."""

    current_density: CurrentDensity = Field(description="J00.")
    slope_voltage: PositiveVolts = Field(description="V_s.", examples=["0.2 V"])


class Efficiency(Section):
    """CE(J) = C0 / (1 + (J_t/J)^a + (J/J_h)^b): rise once traps are filled, roll-off by quenching and heat."""

    ideal: CandelaPerAmpere = Field(description="C0, without both losses.")
    trap_current_density: CurrentDensity = Field(description="J_t.")
    trap_exponent: Exponent = Field(description="a.")
    roll_off_current_density: CurrentDensity = Field(description="J_h.")
    roll_off_exponent: Exponent = Field(description="b; above 1 the luminance has a maximum.")


class Emission(Section):
    """A split pseudo-Voigt line that moves with the current density."""

    peak: Nanometres = Field(description="mu, where the two halves meet.")
    fwhm: Nanometres = Field(description="Full width at half maximum.", examples=["20 nm"])
    red_share: Share = Field(description="r: share of the FWHM on the red side.")
    lorentzian_blue: Fraction = Field(description="eta_blue: Lorentzian share of the blue half.")
    lorentzian_red: Fraction = Field(description="eta_red: Lorentzian share of the red half.")
    shift: ShiftPerDecade = Field(default=0.0, description="Shift of the peak per decade of J/J_ref.")
    reference_current_density: CurrentDensity = Field(description="J_ref, where the peak is at mu.")


class Hysteresis(Section):
    """dq/dt = (q_ss(V) - q)/tau: an inner polarisation that follows the voltage slowly."""

    enabled: bool = Field(default=False, description="Whether the device has it.")
    voltage_shift: VoltageShift = Field(default=0.15, description="dV_q.")
    saturation_voltage: PositiveVolts = Field(default=8.0, description="V_q, where q_ss reaches 1.")
    time_constant: PositiveSeconds = Field(default=5.0, description="tau_q.")


class Degradation(Section):
    """dD/dt = (J/J_ref)^n / tau, L -> exp(-D^beta) L."""

    enabled: bool = Field(default=False, description="Whether the device wears out.")
    reference_current_density: CurrentDensity = Field(description="J_ref.")
    time_constant: PositiveSeconds = Field(description="tau at J_ref.")
    stretching_exponent: Exponent = Field(default=0.8, description="beta.")
    acceleration_exponent: Exponent = Field(default=1.2, description="n.")
    voltage_rise: VoltageShift = Field(default=0.6, description="Rise of the voltage once all light is lost.")


class SelfHeating(Section):
    """dT/dt = (P R_th - T)/tau: at a current the voltage is divided by 1 + k_V T, the light times exp(-k_L T)."""

    enabled: bool = Field(default=False, description="Whether the device warms itself up.")
    thermal_resistance: KelvinPerWatt = Field(default=300.0, description="R_th, to the surroundings.")
    time_constant: PositiveSeconds = Field(default=1.0, description="tau.")
    voltage_coefficient: PerKelvin = Field(default=3e-4, description="k_V.")
    efficiency_coefficient: PerKelvin = Field(default=6e-3, description="k_L.")


class AngularPattern(Section):
    """Radiance at an angle by that straight from the front: cos^(n-1) (1 + a sin^2); n = 1, a = 0 is Lambertian."""

    cosine_power: Exponent = Field(default=1.0, description="n: the radiant intensity follows cos^n.")
    sine_squared: Cavity = Field(default=0.0, description="a: above 0 there is more light to the sides.")


class Emitter(Section):
    """A light-emitting device: injection and space charge in series, a leak, a series resistance."""

    area: SquareMetres = Field(description="Emitting area.")
    temperature: Kelvins = Field(default=298.15, description="For the record of the model.")
    series_resistance: Ohms = Field(description="R_s: electrodes and contacts.")
    leak: SheetConductance = Field(description="G_sh, ohmic leak per area.")
    space_charge: SpaceChargeCoefficient = Field(description="k_s, J_s = k_s v^2.")
    injection: Injection
    efficiency: Efficiency
    emission: Emission
    hysteresis: Hysteresis = Field(default_factory=Hysteresis)
    degradation: Degradation
    self_heating: SelfHeating = Field(default_factory=SelfHeating)
    angular: AngularPattern = Field(default_factory=AngularPattern)
    polarity: Literal["positive", "negative"] = Field(
        default="positive", description="Sign of the level at which it emits: how its leads are connected."
    )


class Traps(Section):
    """Deep traps: until all are filled, at V_TFL = q n_t d^2/(2 eps0 eps_r), only a share of the carriers is free."""

    density: TrapDensity = Field(description="n_t.")
    free_share: Share = Field(default=0.01, description="Share that is free before.")


class SingleCarrier(Section):
    """An electron-only or hole-only device: it conducts and gives no light.

    J = (9/8) eps0 eps_r mu u^2/d^3 exp(0.891 gamma sqrt(u/d)), u the voltage beyond the built-in one.
    """

    area: SquareMetres = Field(description="Area between the electrodes.")
    thickness: Metres = Field(description="d of the layer.", examples=["80 nm"])
    permittivity: Permittivity = Field(description="eps_r.", examples=[3.0])
    mobility: Mobility = Field(description="mu, at no field.")
    series_resistance: Ohms = Field(default=0.0, description="R_s: electrodes and contacts.")
    leak: SheetConductance = Field(default=0.0, description="Ohmic leak per area.")
    built_in_voltage: Volts = Field(default=0.0, description="V_bi at positive levels.", examples=["0.3 V"])
    reverse_built_in_voltage: Volts | None = Field(
        default=None,
        description="That at negative levels, as an amount; not given: the same, the device is symmetrical.",
        examples=["1 V"],
    )
    field_activation: FieldActivation = Field(default=0.0, description="gamma.")
    traps: Traps | None = Field(default=None, description="Not given: none.")


class ShortedBy(Section):
    """A short that stays once it is there; from the beginning, unless one of above and after is given."""

    resistance: Resistance = Field(description="Of the path beside the device.", examples=["20 ohm"])
    above: PositiveVolts | None = Field(
        default=None, description="It appears at the first voltage beyond this, of either sign.", examples=["6 V"]
    )
    after: PositiveSeconds | None = Field(
        default=None, description="It appears that long after the bench was opened.", examples=["60 s"]
    )


class Interruption(Section):
    """A contact that comes off: no current flows meanwhile."""

    after: Seconds = Field(default=0.0, description="When first, since the bench was opened.", examples=["20 s"])
    lasts: PositiveSeconds | None = Field(default=None, description="How long; not given: for good.", examples=["2 s"])
    every: PositiveSeconds | None = Field(
        default=None, description="Again each time this has passed; not given: only once.", examples=["10 s"]
    )


class AmbientLight(Section):
    """Light of the room that reaches both detectors, as bright as a device of that luminance; its spectrum is flat."""

    luminance: Luminance = Field(description="Its mean.", examples=["2 cd/m^2"])
    modulation: Fraction = Field(default=0.0, description="How far it swings around its mean.", examples=["30 %"])
    frequency: Hertz = Field(
        default=100.0, description="Of the swing: lamps flicker at twice that of the mains.", examples=["100 Hz"]
    )


class DeviceFile(Section):
    """A device file."""

    kind: Literal["device"] = Field(description="What sort of file this is.")
    id: str = Field(min_length=1, description="Short name.", examples=["sppo13"])
    name: str = Field(min_length=1, description="Name for people.", examples=["SPPO13"])
    load: Literal["light_emitting_device", "single_carrier", "resistor", "open_circuit", "short_circuit"] = Field(
        default="light_emitting_device", description="What hangs on the source's terminals."
    )
    resistance: Resistance | None = Field(default=None, description="Of a resistor.")
    emitter: Emitter | None = Field(default=None, description="Of a light-emitting device.")
    single_carrier: SingleCarrier | None = Field(default=None, description="Of an electron-only or hole-only device.")
    short: ShortedBy | None = Field(default=None, description="Of any load; not given: none.")
    interruption: Interruption | None = Field(default=None, description="Of any load; not given: the contacts hold.")
    ambient_light: AmbientLight | None = Field(default=None, description="Around the device; not given: a dark room.")
    photodiode_drift: CurrentPerTime = Field(
        default=0.0,
        description="Steady drift of the photodiode's dark current from the beginning on; its random walk is "
        "simulation.photodiode.dark_drift of the bench.",
    )
    notes: str = Field(default="", description="Where the numbers come from.", examples=["fitted to Table 2"])


def device_parameters(device: DeviceFile, simulation: Simulation | None = None) -> dict[str, Any]:
    """The device in the symbols of its model equations, SI, as ``drivers.simulated.device`` takes it.

    Device-specific values stand at the top, what devices of one laboratory have in common (and the photodiode
    of ``simulation``, and the light of the room) under ``shared``. A load without light has ``load`` (and
    ``resistance_ohm`` or ``single_carrier``) only; any may have ``short`` and ``interruption``.
    """
    parameters: dict[str, Any] = {"id": device.id, "name": device.name, "load": device.load}
    shared: dict[str, Any] = {"photodiode": photodiode_parameters(simulation or Simulation())}
    if device.photodiode_drift:
        shared["photodiode"]["dark_ramp_A_per_s"] = device.photodiode_drift
    if (light := device.ambient_light) is not None:
        shared["ambient"] = {
            "luminance_cd_m2": light.luminance,
            "modulation": light.modulation,
            "frequency_Hz": light.frequency,
        }
    parameters |= _defects(device)
    if device.single_carrier is not None:
        parameters["single_carrier"] = _single_carrier_parameters(device.single_carrier)
    if device.resistance is not None:
        parameters["resistance_ohm"] = device.resistance
    if device.emitter is not None:
        parameters |= _own_parameters(device.emitter)
        shared |= _shared_parameters(device.emitter)
        if device.emitter.polarity == "negative":
            parameters["polarity"] = "negative"
        if device.emitter.self_heating.enabled:
            shared["self_heating"] = _heat_parameters(device.emitter.self_heating)
        if device.emitter.angular != AngularPattern():
            shared["angular"] = device.emitter.angular.model_dump()
    return parameters | {"shared": shared}


def _defects(device: DeviceFile) -> dict[str, Any]:
    """The short and the bad contact; what is not given is left out."""
    found: dict[str, Any] = {}
    if (short := device.short) is not None:
        found["short"] = {"resistance_ohm": short.resistance} | _given(above_V=short.above, after_s=short.after)
    if (contact := device.interruption) is not None:
        found["interruption"] = {"after_s": contact.after} | _given(lasts_s=contact.lasts, every_s=contact.every)
    return found


def _given(**values: float | None) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None}


def _single_carrier_parameters(device: SingleCarrier) -> dict[str, Any]:
    traps = device.traps
    return {
        "area_m2": device.area,
        "d_m": device.thickness,
        "eps_r": device.permittivity,
        "mu_m2_Vs": device.mobility,
        "R_s_ohm": device.series_resistance,
        "G_sh_S_m2": device.leak,
        "V_bi_V": device.built_in_voltage,
        "gamma_m0.5_V-0.5": device.field_activation,
        **_given(V_bi_reverse_V=device.reverse_built_in_voltage),
        **({"traps": {"n_t_m-3": traps.density, "free_share": traps.free_share}} if traps else {}),
    }


def _own_parameters(emitter: Emitter) -> dict[str, Any]:
    efficiency, emission = emitter.efficiency, emitter.emission
    return {
        "jv": {"J00_A_m2": emitter.injection.current_density, "V_s_V": emitter.injection.slope_voltage},
        "ce": {
            "C0_cd_A": efficiency.ideal,
            "J_t_A_m2": efficiency.trap_current_density,
            "a": efficiency.trap_exponent,
            "J_h_A_m2": efficiency.roll_off_current_density,
            "b": efficiency.roll_off_exponent,
        },
        "spectrum": {
            "r": emission.red_share,
            "eta_blue": emission.lorentzian_blue,
            "eta_red": emission.lorentzian_red,
            "J_ref_A_m2": emission.reference_current_density,
        },
        "degradation": {"J_ref_A_m2": emitter.degradation.reference_current_density},
    }


def _shared_parameters(emitter: Emitter) -> dict[str, Any]:
    hysteresis, degradation = emitter.hysteresis, emitter.degradation
    return {
        "device_area_m2": emitter.area,
        "temperature_K": emitter.temperature,
        "electrical": {
            "R_s_ohm": emitter.series_resistance,
            "G_sh_S_m2": emitter.leak,
            "k_s_A_m2_V2": emitter.space_charge,
        },
        "spectrum": {
            "kind": "split_pseudo_voigt",
            "mu_nm": emitter.emission.peak,
            "fwhm_nm": emitter.emission.fwhm,
            "shift_nm_per_decade_of_J": emitter.emission.shift,
        },
        "hysteresis": {
            "enabled_default": hysteresis.enabled,
            "dV_q_V": hysteresis.voltage_shift,
            "V_q_V": hysteresis.saturation_voltage,
            "tau_q_s": hysteresis.time_constant,
        },
        "degradation": {
            "enabled_default": degradation.enabled,
            "beta": degradation.stretching_exponent,
            "n": degradation.acceleration_exponent,
            "tau_ref_s": degradation.time_constant,
            "V_rise_at_full_loss_V": degradation.voltage_rise,
        },
    }


def _heat_parameters(heating: SelfHeating) -> dict[str, Any]:
    return {
        "enabled_default": heating.enabled,
        "R_th_K_W": heating.thermal_resistance,
        "tau_th_s": heating.time_constant,
        "k_V_1_K": heating.voltage_coefficient,
        "k_L_1_K": heating.efficiency_coefficient,
    }


def photodiode_parameters(simulation: Simulation) -> dict[str, Any]:
    """The simulated photodiode and its amplifier, SI."""
    truth = simulation.photodiode
    later: dict[str, Any] = {} if truth.rail is None else {"rail_V": truth.rail}
    if truth.moved is not None:
        later["moved"] = {"after_s": truth.moved.after, "distance_m": truth.moved.distance}
    return later | {
        "geometry": "coaxial_discs",
        "area_m2": truth.area,
        "distance_m": truth.distance,
        "responsivity_A_W": "6.0e-4*lambda_nm - 0.012",  # silicon, close to linear over the visible
        "tia_V_A": truth.gain,
        "dark_current_A": truth.dark_current,
        "dark_drift_A_per_sqrt_s": truth.dark_drift,
    }
