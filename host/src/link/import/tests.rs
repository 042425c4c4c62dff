use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

use super::{Folder, Import, ImportFailure, Importer, StoreFile};
use crate::report::event::ImportMethod;

/// Places a file with `import` twice, once to be run; where it is hard linked, and where it is not. Answers with what
/// was placed, or with nothing where the file system has no reflinks and nothing else was wanted.
fn placed(import: Import) -> Option<(ImportMethod, [fs::Metadata; 3])> {
    let folder = tempfile::tempdir().unwrap();
    let (store, into) = (folder.path().join("store"), folder.path().join("into"));
    fs::create_dir(&store).unwrap();
    fs::create_dir(&into).unwrap();
    fs::write(store.join("0"), "text").unwrap();
    let importer = Importer::new(import);
    let file = StoreFile { path: "a.js".to_owned(), blob: "0".to_owned(), size: 4, executable: false };
    let (from, to) = (Folder::open_path(&store).unwrap(), Folder::open_path(&into).unwrap());
    for (name, is_bin) in [("a.js", false), ("b.js", true)] {
        match importer.place(&from, &file, &to, name, is_bin) {
            Ok(()) => assert_eq!(fs::read_to_string(into.join(name)).unwrap(), "text"),
            Err(ImportFailure::NoClones(_)) if import == Import::Clone => return None,
            Err(other) => panic!("{import:?}: {other:?}"),
        }
    }
    let metadata = [store.join("0"), into.join("a.js"), into.join("b.js")].map(|path| fs::metadata(path).unwrap());
    Some((importer.method(), metadata))
}

#[test]
fn only_links_share_the_inode_of_the_store_and_modes_are_the_same_with_all_methods() {
    let mode = |metadata: &fs::Metadata| metadata.permissions().mode() & 0o777;
    let (_, copies) = placed(Import::Copy).unwrap();
    for import in [Import::Auto, Import::Hardlink, Import::Clone, Import::Copy, Import::CloneOrCopy] {
        let Some((_, files)) = placed(import) else { continue };
        let is_link = matches!(import, Import::Auto | Import::Hardlink);
        assert_eq!(files[0].ino() == files[1].ino(), is_link, "{import:?}");
        assert_ne!(files[0].ino(), files[2].ino(), "{import:?}: it has a mode of its own");
        assert_eq!(files.each_ref().map(mode), copies.each_ref().map(mode), "{import:?}");
    }
}

#[test]
fn clones_alone_are_an_error_where_there_are_none_and_copies_in_their_place_are_told() {
    let (links, copies) = (placed(Import::Auto).unwrap().0, placed(Import::Copy).unwrap().0);
    assert_eq!((links, copies), (ImportMethod::Hardlink, ImportMethod::Copy));
    let has_clones = placed(Import::Clone).is_some();
    let told = placed(Import::CloneOrCopy).unwrap().0;
    assert_eq!(told, if has_clones { ImportMethod::Clone } else { ImportMethod::Copy });
}
