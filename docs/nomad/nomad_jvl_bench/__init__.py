"""Plug-in of NOMAD for the run files of the J-V-L bench service: entry points only, nothing heavy is imported here."""

from nomad.config.models.plugins import ParserEntryPoint, SchemaPackageEntryPoint


class LEDSchemaEntryPoint(SchemaPackageEntryPoint):
    """The schema of light-emitting devices."""

    def load(self):
        """The package of its sections."""
        from nomad_jvl_bench.schema import m_package

        return m_package


class JVLParserEntryPoint(ParserEntryPoint):
    """The parser of run files."""

    def load(self):
        """The parser, which NOMAD tells what files it is for."""
        from nomad_jvl_bench.parser import JVLParser

        return JVLParser(**self.dict())


led_schema = LEDSchemaEntryPoint(
    name="LED schema", description="J-V-L, spectra and lifetimes of light-emitting devices"
)

#: Finished run files have all of these; one that is unfinished has no figures of merit yet.
jvl_parser = JVLParserEntryPoint(
    name="J-V-L run file",
    description="Run files of the J-V-L bench service (HDF5, NeXus definition NXjvl)",
    mainfile_name_re=r".*\.h5",
    mainfile_mime_re=r"application/x-hdf.*",
    mainfile_contents_dict={
        "entry": {"__has_all_keys": ["run_id", "program_name", "jvl", "spectra", "figures_of_merit", "calibration"]}
    },
)
